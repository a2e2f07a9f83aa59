import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'undici';
import type { Database } from '../store/schema/database';
import { loadUndelivered, makeGroup, untilDeletionEnded } from './group-fixture';
import { after, durationOf } from './load';
import type { BenchAgent } from './stack';

const SAMPLE_MS = 100;

/** One deletion of a group whose members have envelopes that they did not take. */
export interface DeletionRun {
  /** `DELETE` to 200. */
  answerMs: number;
  /** `DELETE` to the end of the flow: everybody told, everything rewritten. */
  flowMs: number;
  envelopes: number;
  /** The worker's largest resident memory while the flow ran, and before. */
  workerPeakMiB: number;
  workerQuietMiB: number;
  /** Latencies of other traffic before the deletion, and from it to the end of the flow. */
  quiet: number[];
  beside: number[];
}

export interface DeletionBench {
  database: Database;
  pool: Pool;
  workerPid: number;
  members: BenchAgent[];
}

/**
 * Loads the envelopes, lets other traffic run alone for a while, then deletes the group beside it.
 * @param traffic runs until it is over and resolves with its latencies
 */
export async function measureDeletion(
  { database, pool, workerPid, members }: DeletionBench,
  { envelopes, quietMs }: { envelopes: number; quietMs: number },
  traffic: (isOver: () => boolean) => Promise<number[]>,
): Promise<DeletionRun> {
  const [creator, ...others] = members;
  if (creator === undefined) throw new Error('a group needs its creator');
  const groupId = await makeGroup(database, members);
  const loaded = await loadUndelivered(database, groupId, others, Math.ceil(envelopes / others.length));
  const quiet = await traffic(after(quietMs));
  const workerQuietMiB = await residentMiB(workerPid);
  let isOver = false;
  const beside = traffic(() => isOver);
  const peak = peakOf(workerPid, () => isOver);
  const startedMs = performance.now();
  const answerMs = await durationOf(() => deleteGroup(pool, groupId, creator.key));
  await untilDeletionEnded(database, groupId);
  const flowMs = performance.now() - startedMs;
  isOver = true;
  return {
    answerMs,
    flowMs,
    envelopes: loaded,
    workerPeakMiB: await peak,
    workerQuietMiB,
    quiet,
    beside: await beside,
  };
}

async function deleteGroup(pool: Pool, groupId: string, key: string): Promise<void> {
  const response = await pool.request({
    method: 'DELETE',
    path: `/v1/groups/${groupId}`,
    headers: { authorization: `Bearer ${key}` },
  });
  await response.body.dump();
  if (response.statusCode !== 200) throw new Error(`a deletion answered ${response.statusCode}`);
}

async function peakOf(pid: number, isOver: () => boolean): Promise<number> {
  let peak = 0;
  while (!isOver()) {
    peak = Math.max(peak, await residentMiB(pid));
    await sleep(SAMPLE_MS);
  }
  return peak;
}

/** NaN where the operating system has no /proc. */
async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
  return kibibytes === undefined ? Number.NaN : Number(kibibytes) / 1024;
}
