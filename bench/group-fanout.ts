import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { startChild } from '../local/child';
import { nodeFlags } from '../local/node-process';
import { compiled } from '../local/root';
import { readEnvironment } from '../platform/environment';
import type { BenchAgent } from './stack';

/** Between two rounds what the first one left (acknowledgements) is written. */
const PAUSE_MS = 200;
const READY_MS = 30_000;
/** Rounds that are not measured: the bare server is a new process in each run. */
const WARM_UP = 10;

/** Sockets that all wait for the next frame with the same mark in it. */
export interface Audience {
  /** From now until the last socket has a frame that contains `mark`, in milliseconds. */
  untilAllHave(mark: string): Promise<number>;
  /** The last frame with a mark, as one socket got it. */
  lastFrame(): string;
  close(): void;
}

/** Opens a socket for each of `openings` and waits until it is open or has said hello. */
export async function openAudience(
  openings: { url: string; key?: string }[],
  { waitsForHello }: { waitsForHello: boolean },
): Promise<Audience> {
  let mark: string | null = null;
  let missing = 0;
  let frame = '';
  let allHave: () => void = () => undefined;
  const sockets: WebSocket[] = [];
  for (const { url, key } of openings) {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const socket = new WebSocket(url, { headers, perMessageDeflate: false });
    await new Promise<void>((resolve, reject) => {
      socket.once(waitsForHello ? 'message' : 'open', () => resolve());
      socket.once('error', reject);
    });
    socket.on('message', (data) => {
      const text = String(data);
      if (mark === null || !text.includes(mark)) return;
      frame = text;
      missing -= 1;
      if (missing === 0) allHave();
    });
    sockets.push(socket);
  }
  return {
    async untilAllHave(wanted) {
      mark = wanted;
      missing = sockets.length;
      const startedMs = performance.now();
      await new Promise<void>((resolve) => (allHave = resolve));
      return performance.now() - startedMs;
    },
    lastFrame: () => frame,
    close: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

let rounds = 0;

/** `count` sends one after the other: each from its start until the last of the members' sockets has its frame. */
export async function measureFanOut(
  audience: Audience,
  count: number,
  send: (mark: string) => Promise<unknown>,
): Promise<number[]> {
  const durations: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const mark = `round-${(rounds += 1)}-`;
    const [ms] = await Promise.all([audience.untilAllHave(mark), send(mark)]);
    durations.push(ms);
    await sleep(PAUSE_MS);
  }
  return durations;
}

/** The same with a bare `ws` server that makes one raw majority insert and sends the same bytes to as many sockets. */
export async function measureBareBroadcast(
  { mongoUri, members, frame }: { mongoUri: string; members: BenchAgent[]; frame: string },
  count: number,
): Promise<number[]> {
  const { PATH, HOME } = readEnvironment();
  const server = await startChild({
    name: 'bench/bare-broadcast',
    command: process.execPath,
    args: [...nodeFlags, compiled('bench/bare-broadcast')],
    hasChannel: true,
    env: { PATH, HOME, MONGODB_URI: mongoUri },
  });
  const { port } = await server.ready(READY_MS);
  const url = `ws://127.0.0.1:${String(port)}`;
  const audience = await openAudience(
    members.map(() => ({ url })),
    { waitsForHello: false },
  );
  const sender = new WebSocket(url, { perMessageDeflate: false });
  await new Promise((resolve) => sender.once('open', resolve));
  // The api's own frame, with the round's mark in place of the one that it was sent with.
  const send = (mark: string): Promise<void> => {
    sender.send(frame.replace(/round-\d+-/, mark));
    return Promise.resolve();
  };
  await measureFanOut(audience, WARM_UP, send);
  const durations = await measureFanOut(audience, count, send);
  audience.close();
  sender.terminate();
  await server.stop('SIGTERM', 5_000);
  return durations;
}
