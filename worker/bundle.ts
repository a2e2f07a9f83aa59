import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

/** Where the build puts the bundle; workers load this file and never compile workflows themselves. */
export const BUNDLE_PATH = path.join(__dirname, 'workflow-bundle.js');

/** Bundles the workflow code; a warning means a forbidden import and fails the build. */
async function bundle(): Promise<void> {
  const faults: string[] = [];
  const silent = () => undefined;
  const keep = (message: string) => void faults.push(message);
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(__dirname, '..', 'workflows', 'index.js'),
    logger: { trace: silent, debug: silent, info: silent, warn: keep, error: keep, log: silent },
  });
  if (faults.length > 0) throw new Error(faults.join('\n'));
  if (code.includes('node_modules/zod')) throw new Error('zod is in the workflow bundle');
  await writeFile(BUNDLE_PATH, code);
}

if (require.main === module) {
  bundle().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
