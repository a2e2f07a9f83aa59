import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { nodeFlags } from '../local/node-process';
import { freePort } from '../local/ports';
import { compiled } from '../local/root';
import type { Figure } from './report';
import { openMany, openSocket } from './sockets';
import { apiEnvironment, makeAgents, type BenchStack } from './stack';

/** Sockets that are opened and closed again before the measurement starts. */
const WARM_UP_SOCKETS = 1_000;
const STEPS = 10;
/** Longer than the beat of the api, so that it has met all of them. */
const SETTLE_MS = 6_000;

export interface Memory {
  before: NodeJS.MemoryUsage;
  after: NodeJS.MemoryUsage;
}

interface PerSocket {
  resident: number;
  held: number;
}

/**
 * What an idle socket costs an api process, beside what it costs a bare `ws` server. Both run with the flags of the
 * api and are asked for their memory after a forced collection: without it the growth of V8's young generation, which
 * is the process's and not the sockets', outweighs everything else. Both start from what is left when a first wave of
 * sockets, a tenth of the later ones, is gone: code is compiled and pools are open then. A first wave as large as the
 * second would leave pages for it that are not counted.
 */
export async function measureIdleMemory(
  stack: Pick<BenchStack, 'database' | 'mongoUri'>,
  { sockets, perAgent }: { sockets: number; perAgent: number },
): Promise<Figure[]> {
  const agents = await makeAgents(stack.database, Math.ceil(sockets / perAgent), 'crowd');
  const port = await freePort();
  const api = startMeasured(compiled('api/main'), apiEnvironment(stack.mongoUri, port));
  await messageOf(api);
  const ours = await perSocket('api', api, sockets, (index) =>
    openSocket(`http://127.0.0.1:${port}/v1/ws`, agents[Math.floor(index / perAgent)]?.key),
  );
  const server = startMeasured(join(__dirname, 'bare-ws.js'), {});
  const bareUrl = `http://127.0.0.1:${String((await messageOf(server))['port'])}/`;
  const bare = await perSocket('bare ws', server, sockets, () => openSocket(bareUrl));
  const figure = (name: string, kind: keyof PerSocket): Figure => ({
    name,
    unit: 'bytes',
    values: [ours[kind]],
    baseline: { name: 'bare ws', values: [bare[kind]] },
  });
  return [figure('realtime.bytes_per_idle_socket', 'resident'), figure('realtime.held_bytes_per_idle_socket', 'held')];
}

/** Starts a process that tells its memory when it is asked for it. */
export function startMeasured(file: string, env: Record<string, string | undefined>): ChildProcess {
  const probe = join(__dirname, 'memory-probe.js');
  return fork(file, { env, execArgv: [...nodeFlags, '--expose-gc', '--require', probe] });
}

/** The next thing that the process says. */
export const messageOf = (child: ChildProcess): Promise<Record<string, unknown>> =>
  // The parse point of what our own processes say.
  new Promise((resolve) => child.once('message', (message) => resolve(message as Record<string, unknown>)));

/** What the process holds, before and after a forced collection. */
export async function memoryOf(child: ChildProcess): Promise<Memory> {
  const answer = messageOf(child);
  child.send('memory');
  // The parse point of the probe's answer.
  return (await answer) as unknown as Memory;
}

/** Growth per socket over all; the steps in between are printed. Ends the process. */
async function perSocket(
  name: string,
  child: ChildProcess,
  count: number,
  openOne: (index: number) => Promise<WebSocket>,
): Promise<PerSocket> {
  const close = (sockets: WebSocket[]): void => {
    for (const socket of sockets) socket.removeAllListeners('close').terminate();
  };
  close(await openMany(Math.min(WARM_UP_SOCKETS, count / STEPS), openOne));
  await sleep(SETTLE_MS);
  const { after: base } = await memoryOf(child);
  print(name, 0, { before: base, after: base });
  const sockets: WebSocket[] = [];
  let last = base;
  for (let step = 1; step <= STEPS; step += 1) {
    const opened = sockets.length;
    sockets.push(...(await openMany(Math.round((count * step) / STEPS) - opened, (index) => openOne(opened + index))));
    if (step === STEPS) await sleep(SETTLE_MS);
    const memory = await memoryOf(child);
    print(name, sockets.length, memory);
    last = memory.after;
  }
  child.disconnect();
  close(sockets);
  return {
    resident: (last.rss - base.rss) / count,
    held: (last.heapUsed + last.external - base.heapUsed - base.external) / count,
  };
}

function print(name: string, sockets: number, { before, after }: Memory): void {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1).padStart(6);
  console.error(
    `${name.padEnd(8)} ${String(sockets).padStart(6)} sockets, MiB: resident ${mib(after.rss)} (before gc ` +
      `${mib(before.rss)}), heap used ${mib(after.heapUsed)}, external ${mib(after.external)}`,
  );
}
