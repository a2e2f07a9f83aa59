import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { use } from './use';

/** An empty temporary folder for the tests of the surrounding block; removed after them with all that is in it. */
export function useFolder(name: string): { readonly path: string } {
  return use(
    async () => ({ path: await mkdtemp(join(tmpdir(), `agentchat-${name}-`)) }),
    ({ path }) => rm(path, { recursive: true, force: true }),
  );
}
