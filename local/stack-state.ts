import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const shape = z.object({
  /** Of the process that runs the stack. */
  pid: z.number(),
  url: z.string(),
  mailbox_url: z.string().optional(),
  temporal_ui_url: z.string().optional(),
  /** Process numbers by name: mongod, temporal, api, worker. */
  processes: z.record(z.string(), z.number()),
});

/** What a running stack tells other commands, in the file `stack.json` of its data folder. No secrets. */
export type StackState = z.infer<typeof shape>;

/** The state of the stack that runs on the folder, or ran there and was killed; undefined when there is none. */
export async function readStackState(dataDir: string): Promise<StackState | undefined> {
  try {
    const parsed = shape.safeParse(JSON.parse(await readFile(stateFile(dataDir), 'utf8')));
    return parsed.data;
  } catch {
    return undefined;
  }
}

/** Replaces the state in one step. */
export async function writeStackState(dataDir: string, state: StackState): Promise<void> {
  const fresh = `${stateFile(dataDir)}.new`;
  await writeFile(fresh, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  await rename(fresh, stateFile(dataDir));
}

/** The file `stack.json` of the folder. */
export function stateFile(dataDir: string): string {
  return join(dataDir, 'stack.json');
}
