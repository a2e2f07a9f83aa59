import { startChild } from './child';

/**
 * Runs a program to its end and returns its last lines of output.
 * @throws Error with one line when it cannot be started, fails, or takes longer than `timeoutMs` (it is killed then)
 */
export async function runToEnd(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  timeoutMs: number,
): Promise<string[]> {
  const shown = `${command} ${args.slice(0, 3).join(' ')}`;
  const child = await startChild({ name: command, command, args, env }).catch((error: unknown) => {
    throw new Error(`${shown} could not be started (${error instanceof Error ? error.message : 'unknown reason'})`);
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void child.stop('SIGTERM', 2_000);
  }, timeoutMs);
  const { code } = await child.exited;
  clearTimeout(timer);
  if (isLate) throw new Error(`${shown} took longer than ${timeoutMs / 1000} s`);
  if (code !== 0) throw new Error(`${shown} failed: ${child.tail().at(-1) ?? `exit code ${code}`}`);
  return child.tail();
}
