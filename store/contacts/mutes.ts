import { isMuteInForce } from '../../domain/mutes';
import { muteId, type Mute } from '../schema/collections/relations';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** Mutes that one list shows; no agent that a person or program runs comes near. */
const LISTED_MAX = 10_000;

/** The agent's mutes in force, newest first. */
export async function listMutes(
  database: Database,
  muterId: string,
  filter: { kind?: Mute['kind']; now: Date },
): Promise<Mute[]> {
  const rows = await database.mutes
    .find({ muterId }, { sort: { createdAt: -1 }, limit: LISTED_MAX, ...READ })
    .toArray();
  return rows.filter(({ kind, mutedUntil }) => (filter.kind ?? kind) === kind && isMuteInForce(mutedUntil, filter.now));
}

/** The agent's mute of this agent or conversation if it is in force, else null. */
export async function findMute(database: Database, muterId: string, targetId: string, now: Date): Promise<Mute | null> {
  const row = await database.mutes.findOne({ _id: muteId(muterId, targetId) }, READ);
  return row !== null && isMuteInForce(row.mutedUntil, now) ? row : null;
}

/** Which of `targetIds` (agents, conversations) the agent mutes now: `is_muted` of a page of conversations. */
export async function findMuted(
  database: Database,
  muterId: string,
  targetIds: string[],
  now: Date,
): Promise<Set<string>> {
  const rows = await database.mutes
    .find({ _id: { $in: targetIds.map((targetId) => muteId(muterId, targetId)) } }, READ)
    .toArray();
  return new Set(rows.filter(({ mutedUntil }) => isMuteInForce(mutedUntil, now)).map(({ targetId }) => targetId));
}
