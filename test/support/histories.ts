import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compiled, projectRoot } from '../../local/root';

const run = promisify(execFile);
const script = (name: string): string => join(projectRoot, 'test', 'support', name);

export const HISTORIES = join(projectRoot, 'test', 'histories');

/** Saves the history of an ended flow as `test/histories/<behaviour>.json`. */
export async function saveHistory(
  from: { address: string; namespace: string },
  workflowId: string,
  behaviour: string,
): Promise<void> {
  const file = join(HISTORIES, `${behaviour}.json`);
  await run(process.execPath, [script('save-history.cjs'), from.address, from.namespace, workflowId, file]);
}

/** Replays every history under `folder` through the built bundle; null = it replays, else what went wrong. */
export async function replayHistories(folder: string): Promise<Record<string, string | null>> {
  const { stdout } = await run(process.execPath, [
    script('replay-histories.cjs'),
    compiled('worker/workflow-bundle'),
    folder,
  ]);
  // The parse point of the script's answer; Temporal's core may have printed lines of its own before it.
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, string | null>;
}
