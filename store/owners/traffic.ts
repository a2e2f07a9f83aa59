import type { Filter } from 'mongodb';
import { latestOf, wantedOf, type SourcePage, type TimelineCursor } from '../../domain/timeline';
import { envelopeId, type Envelope, type Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { headPosition } from '../inbox/inbox';
import { onlyVisible } from './visible';

/** A message that the agent sent or received, without its content. */
export interface TrafficEntry {
  kind: 'sent' | 'received';
  /** Of the message. */
  id: string;
  at: Date;
  conversationId: string;
  seq: number;
}

/** Of one millisecond; a commit has at most some hundred. */
const OF_ONE_TIME_MAX = 1_000;

/** Delivery positions follow the clock of whichever process gave them: the clocks of two may differ by this much. */
const CLOCKS_DIFFER_MS = 1_000;

/** Reads that a page of received messages may take before it is given as far as it is known, and rows of a further one. */
const ROUNDS_MAX = 10;
const ROUND_ROWS_MIN = 200;

/** What the agent wrote, newest first. One index range. */
export async function readSent(
  database: Database,
  agentId: string,
  cursor: TimelineCursor,
  limit: number,
): Promise<SourcePage<TrafficEntry>> {
  const find = (
    createdAt: object,
    rows: number,
  ): Promise<Pick<Message, '_id' | 'conversationId' | 'seq' | 'createdAt'>[]> =>
    database.messages
      .find(
        { senderId: agentId, createdAt },
        {
          ...SAFE_READ,
          projection: { conversationId: 1, seq: 1, createdAt: 1 },
          sort: { createdAt: -1 },
          limit: rows,
          hint: 'sender_created',
        },
      )
      .toArray();
  const wanted = wantedOf(cursor, limit);
  const rows = await find({ $lte: new Date(latestOf(cursor)) }, wanted);
  const last = rows.length < wanted ? undefined : rows.at(-1);
  const all =
    last === undefined ? rows : await withAllOf(rows, last.createdAt, (at) => find({ $eq: at }, OF_ONE_TIME_MAX));
  const visible = await onlyVisible(database, agentId, all);
  const entries = visible.map(({ _id: id, createdAt: at, conversationId, seq }) => ({
    kind: 'sent' as const,
    id,
    at,
    conversationId,
    seq,
  }));
  return { entries, horizonMs: last === undefined ? null : last.createdAt.getTime() - 1 };
}

/** `rows` with everything of the time at which they end, so that the page may end anywhere within it. */
export async function withAllOf<Row extends { _id: string; createdAt: Date }>(
  rows: Row[],
  at: Date,
  find: (at: Date) => Promise<Row[]>,
): Promise<Row[]> {
  const earlier = rows.filter(({ createdAt }) => createdAt.getTime() !== at.getTime());
  return [...earlier, ...(await find(at))];
}

/**
 * What the agent received, newest first: its inbox backwards from the position that it had at the time. Times follow
 * positions but for the difference of clocks, so the rows of that margin are read too before the page counts as known:
 * all of them, however many a busy moment has, or the pages would pass over what lies within.
 */
export async function readReceived(
  database: Database,
  agentId: string,
  cursor: TimelineCursor,
  limit: number,
  now: Date,
): Promise<SourcePage<TrafficEntry>> {
  const latestMs = latestOf(cursor);
  const wanted = wantedOf(cursor, limit);
  let upTo = await headPosition(database, agentId);
  if (latestMs < now.getTime()) upTo = await positionAt(database, agentId, upTo, latestMs + CLOCKS_DIFFER_MS);
  const rows: EnvelopeRow[] = [];
  let horizonMs: number | null = Infinity;
  for (let round = 0; horizonMs !== null && (round < ROUNDS_MAX || horizonMs >= latestMs); round += 1) {
    const size = round === 0 ? wanted : Math.max(wanted, ROUND_ROWS_MIN);
    const page = await readBackwards(database, agentId, upTo, size);
    rows.push(...page.filter(({ createdAt }) => createdAt.getTime() <= latestMs));
    const last = page.length < size ? undefined : page.at(-1);
    horizonMs = last === undefined ? null : last.createdAt.getTime() + CLOCKS_DIFFER_MS;
    upTo = (last?.position ?? 1) - 1;
    const known = rows.filter(({ createdAt }) => createdAt.getTime() > (horizonMs ?? -Infinity));
    if (known.length >= wanted) break;
  }
  const visible = await onlyVisible(database, agentId, rows);
  const entries = visible.map(({ messageId: id, createdAt: at, conversationId, seq }) => ({
    kind: 'received' as const,
    id,
    at,
    conversationId,
    seq,
  }));
  return { entries, horizonMs };
}

type EnvelopeRow = Pick<Envelope, '_id' | 'position' | 'messageId' | 'conversationId' | 'seq' | 'createdAt'>;

function readBackwards(database: Database, agentId: string, upTo: number, limit: number): Promise<EnvelopeRow[]> {
  return database.envelopes
    .find<EnvelopeRow>(inboxRange(agentId, 0, upTo), {
      ...SAFE_READ,
      projection: { position: 1, messageId: 1, conversationId: 1, seq: 1, createdAt: 1 },
      sort: { _id: -1 },
      limit,
      hint: '_id_',
    })
    .toArray();
}

const inboxRange = (agentId: string, after: number, upTo: number): Filter<Envelope> => ({
  _id: { $gt: envelopeId(agentId, after), $lte: envelopeId(agentId, upTo) },
});

/** The last position up to `head` whose time is not after `atMs`, by halving: some tens of reads of one row. */
async function positionAt(database: Database, agentId: string, head: number, atMs: number): Promise<number> {
  let [low, high] = [0, head];
  while (low < high) {
    const middle = Math.floor((low + high + 1) / 2);
    const row = await database.envelopes.findOne<Pick<Envelope, 'position' | 'createdAt'>>(
      inboxRange(agentId, low, middle),
      {
        ...SAFE_READ,
        projection: { position: 1, createdAt: 1 },
        sort: { _id: -1 },
        hint: '_id_',
      },
    );
    if (row !== null && row.createdAt.getTime() > atMs) high = row.position - 1;
    else low = middle;
  }
  return low;
}
