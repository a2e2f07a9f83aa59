import type { Document } from 'mongodb';
import type { RateLimit } from '../../contract/limits';
import type { RateWindow } from './collections/verification';
import type { Database } from './database';
import { makeOrFind } from './conflicts';
import { within } from './deadline';

export interface RateHit {
  allowed: boolean;
  /** Until a slot is free again. */
  retryAfterMs: number;
}

/** A counter that does not answer must not cost the caller more than this. */
const COUNTER_MS_MAX = 2_000;

/**
 * Counts one hit of `subject`, shared by all processes, in one atomic step by the database's clock: of any number at
 * once exactly `limit` are allowed, whatever the clocks of the processes say. A crash loses at most the hit itself.
 * One small document per scope and subject, gone a minute after its window.
 * @throws Error when the counter does not answer in time; whether the limit is then open is the caller's choice
 */
export async function hitRateWindow(
  database: Database,
  scope: string,
  subject: string,
  limit: RateLimit,
): Promise<RateHit> {
  const row = await step(database, `${scope}:${subject}`, STEPS[limit.window](limit));
  const opensAt = limit.window === 'rolling' ? (row.hits?.[0]?.getTime() ?? 0) + limit.windowMs : row.endsAt.getTime();
  return { allowed: row.count <= limit.limit, retryAfterMs: Math.max(1, opensAt - row.at.getTime()) };
}

/** How many hits the window that is open now has seen, and how long it lasts; counts nothing. */
export async function lookAtRateWindow(
  database: Database,
  scope: string,
  subject: string,
): Promise<{ hits: number; leftMs: number }> {
  const looking = database.rateWindows
    .aggregate<{ count: number; leftMs: number }>(
      [
        { $match: { _id: `${scope}:${subject}`, $expr: { $gt: ['$endsAt', NOW] } } },
        { $project: { count: 1, leftMs: { $subtract: ['$endsAt', NOW] } } },
      ],
      { maxTimeMS: COUNTER_MS_MAX },
    )
    .next();
  const open = await within(COUNTER_MS_MAX, looking);
  return { hits: open?.count ?? 0, leftMs: Number(open?.leftMs ?? 0) };
}

const NOW = '$$NOW';

const aligned = (windowMs: number) => ({ $subtract: [NOW, { $mod: [{ $toLong: NOW }, windowMs] }] });

/** How a hit changes the document, per kind of window. `count` holds this hit too, also when it is one too many. */
const STEPS: Record<RateLimit['window'], (limit: RateLimit) => Document[]> = {
  /** Aligned to the epoch; rejected hits count too. */
  fixed: ({ windowMs }) => [
    {
      $set: {
        at: NOW,
        endsAt: { $add: [aligned(windowMs), windowMs] },
        count: {
          $cond: [{ $eq: ['$endsAt', { $add: [aligned(windowMs), windowMs] }] }, { $add: ['$count', 1] }, 1],
        },
      },
    },
  ],
  /** Opens with its first hit; rejected hits count too. */
  first: ({ windowMs }) => [
    {
      $set: {
        at: NOW,
        endsAt: { $cond: [{ $gt: ['$endsAt', NOW] }, '$endsAt', { $add: [NOW, windowMs] }] },
        count: { $cond: [{ $gt: ['$endsAt', NOW] }, { $add: ['$count', 1] }, 1] },
      },
    },
  ],
  /** The times of the hits of the last `windowMs`, at most `limit` of them: a rejected hit takes no place. */
  rolling: ({ windowMs, limit }) => [
    {
      $set: {
        at: NOW,
        endsAt: { $add: [NOW, windowMs] },
        hits: {
          $filter: { input: { $ifNull: ['$hits', []] }, cond: { $gt: ['$$this', { $subtract: [NOW, windowMs] }] } },
        },
      },
    },
    {
      $set: {
        count: { $add: [{ $size: '$hits' }, 1] },
        hits: { $cond: [{ $lt: [{ $size: '$hits' }, limit] }, { $concatArrays: ['$hits', [NOW]] }, '$hits'] },
      },
    },
  ],
};

function step(database: Database, _id: string, pipeline: Document[]): Promise<RateWindow> {
  return makeOrFind(async () => {
    const stepping = database.rateWindows.findOneAndUpdate({ _id }, pipeline, {
      upsert: true,
      returnDocument: 'after',
      projection: { hits: { $slice: 1 } },
    });
    const row = await within(COUNTER_MS_MAX, stepping);
    if (row === null) throw new Error('an upsert was answered without its document');
    return row;
  });
}
