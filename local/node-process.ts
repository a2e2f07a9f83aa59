import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child, type ChildOptions } from './child';
import { compiled, projectRoot } from './root';

const readyMsMax = 60_000;
const healthPollMs = 100;

/**
 * Also the container's. Most of what a request makes is garbage before the next one: with V8's small default for young
 * objects collections took a seventh of the api's processor time under load (bench:send, cpu profile).
 */
export const nodeFlags = ['--enable-source-maps', '--max-semi-space-size=32'];

/** Starts `dist/<name>/main.js` and waits until it announces itself (platform/ready). Rejects with one line. */
export async function startNodeProcess(
  name: 'api' | 'worker',
  options: Pick<ChildOptions, 'env' | 'guardian' | 'onLine'>,
): Promise<Child> {
  const child = await startChild({
    ...options,
    name,
    command: process.execPath,
    args: [...nodeFlags, compiled(`${name}/main`)],
    cwd: projectRoot,
    hasChannel: true,
  });
  try {
    await child.ready(readyMsMax);
    return child;
  } catch (error) {
    await child.stop('SIGKILL', 1_000);
    // The lines that follow are its output, which `onLine` has had already.
    throw new Error(error instanceof Error ? error.message.split('\n', 1)[0] : String(error));
  }
}

/** Resolves when `GET /v1/health` is 200. */
export async function untilHealthy(host: string, port: number): Promise<void> {
  const url = `http://${reachable(host)}:${port}/v1/health`;
  const deadline = Date.now() + readyMsMax;
  let last = 'no answer';
  while (Date.now() < deadline) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      if (response.status === 200) return;
      last = `status ${response.status}`;
    } catch {
      last = 'no answer';
    }
    await sleep(healthPollMs);
  }
  throw new Error(`api: GET /v1/health was not 200 within ${readyMsMax / 1_000} s (${last})`);
}

/** An address that listens on all interfaces is reached through the loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
