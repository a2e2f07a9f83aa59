import { MongoError } from 'mongodb';
import { PRESENCE_EXPIRY_MS } from '../contract/limits';
import {
  connected,
  disconnected,
  expired,
  NEVER_SEEN,
  set,
  type PresenceSocket,
  type PresenceState,
} from '../domain/presence';
import { pauseBeforeRetry } from './committer/conflicts';
import type { PresenceRow } from './collections/presences';
import { duplicateKeyIndex, type Database } from './database';
import { within } from './deadline';

/** What a step did: `before` and `after` are the same object when it changed nothing. */
export interface PresenceStep {
  before: PresenceState;
  after: PresenceState;
}

export type AgentStep = PresenceStep & { agentId: string };

const TRIES_MAX = 40;

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
      .find({ expiresAt: { $lte: now } }, { projection: { _id: 1 }, limit: EXPIRED_MAX, maxTimeMS: 5_000 })
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
      const rows = await presences.find({ 'sockets.nodeId': nodeId }, { limit: NODE_PAGE, maxTimeMS: 5_000 }).toArray();
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
          { projection: { _id: 1 }, maxTimeMS: 5_000 },
        )
        .toArray();
      const left = new Set(missed.map(({ _id }) => _id));
      yield steps.filter(({ agentId }) => !left.has(agentId));
    }
  }

  /** The rows of those of `agentIds` that were ever seen. */
  async read(agentIds: string[]): Promise<Map<string, PresenceState>> {
    const rows = await this.database.presences.find({ _id: { $in: agentIds } }, { maxTimeMS: 5_000 }).toArray();
    return new Map(rows.map((row) => [row._id, row]));
  }

  private async step(agentId: string, change: (state: PresenceState) => PresenceState): Promise<PresenceStep> {
    for (let tries = 1; ; tries += 1) {
      const row = await this.database.presences.findOne({ _id: agentId }, { maxTimeMS: 5_000 });
      const before = row ?? NEVER_SEEN;
      const after = change(before);
      if (after === before) return { before, after };
      const next: PresenceRow = { ...after, _id: agentId, v: before.v + 1 };
      if (await write(this.database, row === null ? null : before.v, next)) return { before, after: next };
      if (tries >= TRIES_MAX) throw new Error('a presence changed under every try to write it');
      await pauseBeforeRetry(tries);
    }
  }
}

function withoutNode(row: PresenceRow, nodeId: string, now: Date): PresenceRow {
  const ids = row.sockets.filter((socket) => socket.nodeId === nodeId).map(({ id }) => id);
  return { ...disconnected(row, ids, now), _id: row._id, v: row.v + 1 };
}

/** True when the row was still at `version` (null = not there yet). */
async function write(database: Database, version: number | null, next: PresenceRow): Promise<boolean> {
  try {
    if (version === null) {
      await within(WRITE_MS_MAX, database.presences.insertOne(next));
      return true;
    }
    const replacing = database.presences.replaceOne({ _id: next._id, v: version }, next);
    const { matchedCount } = await within(WRITE_MS_MAX, replacing);
    return matchedCount === 1;
  } catch (error) {
    if (error instanceof MongoError && duplicateKeyIndex(error) !== null) return false;
    throw error;
  }
}
