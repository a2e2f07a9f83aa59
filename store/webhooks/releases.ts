import type { ClientSession } from 'mongodb';
import { inboxInId, isSilenced, type InboxInGuard } from '../../domain/guards';
import type { ReleaseStage } from '../../domain/release';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { findInboxIn } from '../inbox/inbox';
import { findLeased } from '../nodes/lease';

/** One row per agent: a later end of a silence takes the place of one that no flow has been told of yet. */
const requestId = (agentId: string): string => `inbox.release:${agentId}`;

/**
 * Has the flow of an agent's release started: part of the transaction that ends its silence. The api tells the flow at
 * once, the relay makes it certain; a row that was written anew meanwhile stays (`settleReleaseRequest`).
 */
export async function requestRelease(
  database: Database,
  { agentId, epoch, at }: { agentId: string; epoch: number; at: Date },
  session: ClientSession,
): Promise<void> {
  await database.outbox.updateOne(
    { _id: requestId(agentId) },
    // What failed before was the end of another silence.
    { $set: { kind: 'inbox.release', targetId: agentId, epoch, createdAt: at }, $unset: { failed: '' } },
    { upsert: true, session },
  );
}

/** The epoch of which the flow is still to be told; null when there is none. */
export async function findReleaseRequest(database: Database, agentId: string): Promise<number | null> {
  const row = await database.outbox.findOne({ _id: requestId(agentId) }, READ);
  return row?.kind === 'inbox.release' ? row.epoch : null;
}

/** The flow was told of this epoch. */
export async function settleReleaseRequest(
  database: Database,
  { agentId, epoch }: { agentId: string; epoch: number },
): Promise<void> {
  await database.outbox.deleteOne({ _id: requestId(agentId), epoch });
}

/** Agents whose webhooks have waited to be told since before `before`: a flow works on them, or was ended by hand. */
export async function findReleasing(database: Database, before: Date, limit: number): Promise<string[]> {
  const rows = await database.guards
    .find(
      { 'releasing.at': { $lt: before, $type: 'date' } },
      { projection: { _id: 1 }, sort: { 'releasing.at': 1 }, limit, ...READ },
    )
    .toArray();
  return rows.map(({ _id }) => _id.slice(inboxInId('').length));
}

/** How far the release of an agent got; counts stop at `COUNTED_MAX`. */
export interface ReleaseLook {
  stage: ReleaseStage;
  epoch: number;
  /** Sockets that are open on nodes that live. */
  openSockets: number;
  /** Of them, those that have not passed the end of the pause. */
  socketsBehind: number;
  /** Envelopes that are still stored between the slowest of these and the end of the pause. */
  remaining: number;
  /** Envelopes that webhooks are still to be told of. */
  parked: number;
}

/** An inbox holds hardly more; what is beyond it is "many". */
const COUNTED_MAX = 10_000;
const SOCKETS_MAX = 1_000;

/** As it is majority-committed now. A socket's place is as of its node's last note, which comes every few seconds. */
export async function lookAtRelease(database: Database, agentId: string): Promise<ReleaseLook> {
  const inbox = await findInboxIn(database, agentId);
  const nothing = { epoch: inbox?.pauseEpoch ?? 0, openSockets: 0, socketsBehind: 0, remaining: 0, parked: 0 };
  if (inbox === null || inbox.status === 'deleted' || inbox.status === 'suspended') {
    return { ...nothing, stage: 'ended' };
  }
  if (isSilenced(inbox)) return { ...nothing, stage: 'repaused' };
  const upTo = inbox.release?.upTo ?? 0;
  const cursors = await cursorsOf(database, agentId);
  const behind = cursors.filter((cursor) => cursor < upTo);
  const remaining = behind.length === 0 ? 0 : await countStored(database, agentId, Math.min(...behind), upTo);
  const parked = await countParked(database, agentId, inbox);
  const isDone = inbox.releasing === undefined && behind.length === 0;
  return {
    stage: isDone ? 'done' : 'releasing',
    epoch: nothing.epoch,
    openSockets: cursors.length,
    socketsBehind: behind.length,
    remaining,
    parked,
  };
}

async function cursorsOf(database: Database, agentId: string): Promise<number[]> {
  const rows = await database.connections
    .find({ agentId }, { projection: { nodeId: 1, cursor: 1 }, limit: SOCKETS_MAX, ...READ })
    .toArray();
  const leased = new Set(await findLeased(database, [...new Set(rows.map(({ nodeId }) => nodeId))]));
  return rows.filter(({ nodeId }) => leased.has(nodeId)).map(({ cursor }) => cursor);
}

function countStored(database: Database, recipientId: string, after: number, upTo: number): Promise<number> {
  return database.envelopes.countDocuments(
    { recipientId, status: 'stored', position: { $gt: after, $lte: upTo } },
    { hint: 'recipient_stored', limit: COUNTED_MAX, ...READ },
  );
}

async function countParked(database: Database, agentId: string, inbox: InboxInGuard): Promise<number> {
  const { releasing, silentFrom = inbox.nextPosition, nextPosition } = inbox;
  return releasing === undefined ? 0 : countStored(database, agentId, silentFrom - 1, nextPosition - 1);
}
