import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { memoryOf } from './idle-memory';
import { post } from './load';
import { startMeasuredApi } from './measured-api';
import type { Figure } from './report';
import type { BenchAgent } from './stack';

const DELTAS = 10_000;
/** An answer has at most 256 KiB. */
const DELTA = 'twenty-five characters ok ';
const DELTAS_PER_CALL = 10;
/** What tools say makes a stream longer than the buffers of the system between two processes. */
const RESULTS = 500;
const RESULT_BYTES = 16_000;
const RESULTS_PER_CALL = 32;
/** A slow reader takes so much at a time: 16 KB a second. */
const SIP_BYTES = 4_096;
const SIP_MS = 250;
const SETTLE_MS = 3_000;
/** After this the bench gives up. */
const READ_MS_MAX = 120_000;

/** Reads a stream in sips, later all at once. */
class SlowReader {
  text = '';
  isOver = false;
  private readonly socket: Socket;
  private sipping: NodeJS.Timeout;

  constructor(baseUrl: string, path: string, token: string) {
    this.socket = connect(Number(new URL(baseUrl).port), '127.0.0.1');
    this.socket.on('close', () => (this.isOver = true));
    // HTTP/1.0: the body comes as it is, and ends with the connection.
    this.socket.write(`GET ${path} HTTP/1.0\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    // Whoever listens to this, and reads by itself, is given no more than it asks for.
    this.socket.on('readable', () => undefined);
    this.sipping = setInterval(() => this.sip(), SIP_MS);
  }

  private sip(): void {
    // The parse point of bytes: without an encoding nothing else comes.
    const chunk = this.socket.read(Math.min(SIP_BYTES, this.socket.readableLength)) as Buffer | null;
    this.text += chunk?.toString('latin1') ?? '';
  }

  /** Everything else, as fast as it comes. */
  drain(): void {
    clearInterval(this.sipping);
    this.socket.removeAllListeners('readable');
    this.socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')));
    this.socket.resume();
  }

  end(): void {
    clearInterval(this.sipping);
    this.socket.destroy();
  }
}

/** The resident memory of a process. */
function residentBytes(pid: number | undefined): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1_024;
}

interface Place {
  mongoUri: string;
  secret: string;
  /** Who reads, and owns the agent. */
  token: string;
  agent: BenchAgent;
}

/**
 * What an api process takes for readers that are far behind a stream of 10,000 deltas and 500 words of tools, beside what
 * it has for each of them: at its peak while the agent streams, and what is held once the agent is done. Then they read the
 * rest, and must have got every byte. Linux only.
 */
export async function measureSlowReaders(place: Place, count: number): Promise<Figure[]> {
  const api = await startMeasuredApi(place.mongoUri, place.secret);
  const pool = new Pool(api.baseUrl, { connections: 8 });
  const readers: SlowReader[] = [];
  try {
    const id = await startTurn(pool, place);
    const path = `/api/agents/${place.agent.handle}/executions/${id}/stream`;
    const open = () => new SlowReader(api.baseUrl, path, place.token);
    // Code is compiled and pools are filled before memory is compared.
    await stream(pool, place, id, { first: 0, deltas: 100, results: RESULTS_PER_CALL });
    while (readers.length < count) readers.push(open());
    await sleep(SETTLE_MS);
    const before = (await memoryOf(api.process)).after;
    let peakBytes = 0;
    const watching = setInterval(() => {
      peakBytes = Math.max(peakBytes, residentBytes(api.process.pid));
    }, 100);
    const rest = { first: 100, deltas: DELTAS - 100, results: RESULTS - RESULTS_PER_CALL };
    await stream(pool, place, id, rest).finally(() => clearInterval(watching));
    await post(pool, `/v1/gateway/turns/${id}/complete`, place.agent.key, { client_msg_id: `slow-${id}` });
    const { after } = await memoryOf(api.process);
    const behindBytes = await drainAll(readers);
    const held = after.heapUsed + after.external - before.heapUsed - before.external;
    print({ before: before.rss, peak: peakBytes, after: after.rss }, count);
    const baseline = { name: 'bytes not read yet', values: [behindBytes] };
    return [
      { name: 'gateway.slow_reader_peak_bytes', unit: 'bytes', values: [(peakBytes - before.rss) / count], baseline },
      { name: 'gateway.slow_reader_held_bytes', unit: 'bytes', values: [held / count], baseline },
    ];
  } finally {
    readers.forEach((reader) => reader.end());
    await pool.destroy();
    await api.stop();
  }
}

async function startTurn(pool: Pool, { agent, token }: Place): Promise<string> {
  const body = { message: 'Go', timeout_seconds: 900 };
  const task = (await post(pool, `/api/agents/${agent.handle}/task`, token, body)) as { execution_id: string };
  return task.execution_id;
}

/** What the agent says, deltas and tools by turns. */
async function stream(
  pool: Pool,
  { agent }: Place,
  id: string,
  { first, deltas, results }: { first: number; deltas: number; results: number },
): Promise<void> {
  const say = (events: object[]) => post(pool, `/v1/gateway/turns/${id}/events`, agent.key, { events });
  const calls = Math.ceil(deltas / DELTAS_PER_CALL);
  const every = Math.ceil(calls / Math.ceil(results / RESULTS_PER_CALL));
  let said = 0;
  for (let call = 0; call < calls; call += 1) {
    const at = first + call * DELTAS_PER_CALL;
    await say(range(DELTAS_PER_CALL).map((index) => ({ type: 'delta', index: at + index, text: DELTA.slice(0, 25) })));
    if (call % every !== 0 || said >= results) continue;
    const some = Math.min(RESULTS_PER_CALL, results - said);
    said += some;
    const output = 'x'.repeat(RESULT_BYTES);
    await say(range(some).map(() => ({ type: 'tool_result', id: 't1', output })));
  }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** @returns bytes that each reader was behind when it began to read all. @throws when one has not got everything */
async function drainAll(readers: SlowReader[]): Promise<number> {
  const behind = readers.map(({ text }) => text.length);
  readers.forEach((reader) => reader.drain());
  const deadlineMs = performance.now() + READ_MS_MAX;
  while (readers.some(({ isOver }) => !isOver) && performance.now() < deadlineMs) await sleep(100);
  for (const { text, isOver } of readers) {
    const texts = [...text.matchAll(/^data: \{"type":"text","content":"([^"]*)"\}$/gm)].map(([, said]) => said);
    const results = text.match(/"type":"tool_result"/g)?.length ?? 0;
    const isWhole = texts.join('') === DELTA.slice(0, 25).repeat(DELTAS) && results === RESULTS;
    if (!isOver || !isWhole || !text.endsWith('data: [DONE]\n\n')) throw new Error('a slow reader has not got all');
  }
  const all = readers.reduce((sum, { text }, index) => sum + text.length - (behind[index] ?? 0), 0);
  return all / readers.length;
}

function print(resident: { before: number; peak: number; after: number }, count: number): void {
  const said = Object.entries(resident).map(([name, bytes]) => `${name} ${(bytes / 2 ** 20).toFixed(1)}`);
  console.error(`api      ${count} slow readers, MiB resident: ${said.join(', ')} (after gc)`);
}
