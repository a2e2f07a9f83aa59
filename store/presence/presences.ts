import { PRESENCE_EXPIRY_MS } from '../../contract/limits';
import {
  connected,
  disconnected,
  expired,
  NEVER_SEEN,
  set,
  type PresenceSocket,
  type PresenceState,
} from '../../domain/presence';
import type { PresenceRow } from '../schema/collections/presences';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import { untilCommitted, WriteConflict } from '../schema/conflicts';
import { within } from '../schema/deadline';

/** What a step did: `before` and `after` are the same object when it changed nothing. */
export interface PresenceStep {
  before: PresenceState;
  after: PresenceState;
}

export type AgentStep = PresenceStep & { agentId: string };

/** A socket that an agent's row counts. */
export interface CountedSocket {
  agentId: string;
  id: string;
}

/** A step that the database does not answer is given up, so that those of the agent behind it can be. */
const WRITE_MS_MAX = 5_000;

/** Agents of a node that is gone which are taken off it together. */
const NODE_PAGE = 500;

/** A row that one look for lapsed ones takes up; the others follow with the next. */
const EXPIRED_MAX = 200;

/**
 * Presence over all nodes. Every step is load → domain → compare-and-set on `v`, so of any number at once on any nodes
 * each sees the one before it: exactly one connect is the first, exactly one disconnect the last. A crash between a
 * socket's close and its step leaves the socket in the row, until its node is found dead or its proof of life expires.
 */
export class PresenceStore {
  constructor(private readonly database: Database) {}

  connect(agentId: string, socket: PresenceSocket, now: Date): Promise<PresenceStep> {
    return this.step(agentId, (state) => connected(state, socket, now));
  }

  disconnect(agentId: string, socketId: string, now: Date): Promise<PresenceStep> {
    return this.step(agentId, (state) => disconnected(state, [socketId], now));
  }

  set(agentId: string, override: NonNullable<PresenceState['override']>, now: Date): Promise<PresenceStep> {
    return this.step(agentId, (state) => set(state, override, now));
  }

  /** Proof of life of agents with sockets: their pongs. Changes nothing that is shown, so it moves no version. */
  async refresh(agentIds: string[], now: Date): Promise<void> {
    const refreshing = this.database.presences.updateMany(
      { _id: { $in: agentIds }, 'sockets.0': { $exists: true } },
      { $set: { lastSeenAt: now, expiresAt: new Date(now.getTime() + PRESENCE_EXPIRY_MS) } },
    );
    await within(WRITE_MS_MAX, refreshing);
  }

  /** Makes agents offline whose proof of life has expired. Of several nodes that look, one gets each. */
  async expire(now: Date): Promise<AgentStep[]> {
    const rows = await this.database.presences
      .find({ expiresAt: { $lte: now, $type: 'date' } }, { projection: { _id: 1 }, limit: EXPIRED_MAX, ...READ })
      .toArray();
    const steps: AgentStep[] = [];
    for (const { _id: agentId } of rows)
      steps.push({ agentId, ...(await this.step(agentId, (state) => expired(state, now))) });
    return steps;
  }

  /**
   * Takes every socket of a node off, a page at a time. What somebody else wrote in between stays for the next look;
   * two at once yield each agent's step once, but for one that both wrote in the same instant.
   */
  async *disconnectNode(nodeId: string, now: Date): AsyncGenerator<AgentStep[]> {
    const { presences } = this.database;
    for (;;) {
      const rows = await presences.find({ 'sockets.nodeId': nodeId }, { limit: NODE_PAGE, ...READ }).toArray();
      if (rows.length === 0) return;
      const steps = rows.map((before) => ({ agentId: before._id, before, after: withoutNode(before, nodeId, now) }));
      await presences.bulkWrite(
        steps.map(({ agentId, before, after }) => ({
          replaceOne: { filter: { _id: agentId, v: before.v }, replacement: after },
        })),
        { ordered: false },
      );
      const missed = await presences
        .find(
          { _id: { $in: rows.map(({ _id }) => _id) }, 'sockets.nodeId': nodeId },
          { projection: { _id: 1 }, ...READ },
        )
        .toArray();
      const left = new Set(missed.map(({ _id }) => _id));
      yield steps.filter(({ agentId }) => !left.has(agentId));
    }
  }

  /** What the rows count of a node, in pages. */
  async *socketsOf(nodeId: string): AsyncGenerator<CountedSocket[]> {
    const options = { projection: { sockets: 1 }, batchSize: NODE_PAGE, ...READ } as const;
    const cursor = this.database.presences.find<Pick<PresenceRow, '_id' | 'sockets'>>(
      { 'sockets.nodeId': nodeId },
      options,
    );
    let page: CountedSocket[] = [];
    for await (const { _id: agentId, sockets } of cursor) {
      page.push(...sockets.filter((socket) => socket.nodeId === nodeId).map(({ id }) => ({ agentId, id })));
      if (page.length < NODE_PAGE) continue;
      yield page;
      page = [];
    }
    yield page;
  }

  /** The rows of those of `agentIds` that were ever seen. */
  async read(agentIds: string[]): Promise<Map<string, PresenceState>> {
    const rows = await this.database.presences.find({ _id: { $in: agentIds } }, READ).toArray();
    return new Map(rows.map((row) => [row._id, row]));
  }

  private step(agentId: string, change: (state: PresenceState) => PresenceState): Promise<PresenceStep> {
    const attempt = async () => {
      const row = await this.database.presences.findOne({ _id: agentId }, READ);
      const before = row ?? NEVER_SEEN;
      const after = change(before);
      if (after === before) return { before, after };
      const next: PresenceRow = { ...after, _id: agentId, v: before.v + 1 };
      await write(this.database, row === null ? null : before.v, next);
      return { before, after: next };
    };
    return this.database.inTurnOf(`presence:${agentId}`, () => untilCommitted(attempt));
  }
}

function withoutNode(row: PresenceRow, nodeId: string, now: Date): PresenceRow {
  const ids = row.sockets.filter((socket) => socket.nodeId === nodeId).map(({ id }) => id);
  return { ...disconnected(row, ids, now), _id: row._id, v: row.v + 1 };
}

/**
 * Writes the row if it is still at `version` (null = not there yet).
 * @throws WriteConflict, or the duplicate key of a row that came meanwhile
 */
async function write(database: Database, version: number | null, next: PresenceRow): Promise<void> {
  if (version === null) return void (await within(WRITE_MS_MAX, database.presences.insertOne(next)));
  const replacing = database.presences.replaceOne({ _id: next._id, v: version }, next);
  const { matchedCount } = await within(WRITE_MS_MAX, replacing);
  if (matchedCount === 0) throw new WriteConflict();
}
