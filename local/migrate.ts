import { startChild, type ChildOptions } from './child';
import { nodeFlags } from './node-process';
import { compiled, projectRoot } from './root';

/**
 * Brings the database to the version of the code, before api and worker start.
 * @throws Error with the line in which the migrator said why it cannot
 */
export async function runMigrator(options: Pick<ChildOptions, 'env' | 'guardian' | 'onLine'>): Promise<void> {
  const child = await startChild({
    ...options,
    name: 'migrate',
    command: process.execPath,
    args: [...nodeFlags, compiled('worker/migrate')],
    cwd: projectRoot,
  });
  const { code, signal } = await child.exited;
  if (code !== 0) throw new Error(`migrate: ${child.tail().at(-1) ?? `ended with ${signal ?? `exit code ${code}`}`}`);
}
