import { ID_PREFIX } from '../../contract/ids';
import { visibleFloor } from '../../domain/history';
import { membershipId } from '../schema/collections/groups';
import { readStateId } from '../schema/collections/read-states';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { isHidden } from '../conversations/hidden';

/** Where a message stands. */
export interface Place {
  conversationId: string;
  seq: number;
}

/** Hidden ranges that are read at once; whoever hid more in the conversations at hand is looked at row by row. */
const RANGES_MAX = 1_000;

/**
 * Those of `rows`, sent or received by the agent, that its history shows it now (messaging.md §8): groups that it left
 * are gone, and so is what it hid. Three reads by ids for a page from any number of conversations.
 */
export async function onlyVisible<Row extends Place>(database: Database, agentId: string, rows: Row[]): Promise<Row[]> {
  const ids = [...new Set(rows.map(({ conversationId }) => conversationId))];
  const floors = await findFloors(database, agentId, ids);
  const above = rows.filter(({ conversationId, seq }) => seq >= (floors.get(conversationId) ?? Infinity));
  return withoutHidden(database, agentId, above);
}

/** The first seq that the agent sees of each conversation; none for those that it is not in any more. */
async function findFloors(database: Database, agentId: string, ids: string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const groups = ids.filter((id) => id.startsWith(ID_PREFIX.group));
  const [states, memberships] = await Promise.all([
    database.readStates.find({ _id: { $in: ids.map((id) => readStateId(agentId, id)) } }, SAFE_READ).toArray(),
    database.memberships.find({ _id: { $in: groups.map((id) => membershipId(id, agentId)) } }, SAFE_READ).toArray(),
  ]);
  const hiddenUpTo = new Map(states.map((state) => [state.conversationId, state.hiddenUpTo]));
  const joined = new Map(
    memberships.map(({ groupId, leftAt, joinedSeq }) => [groupId, leftAt === null ? joinedSeq : null]),
  );
  return new Map(
    ids.flatMap((id) => {
      const joinedSeq = id.startsWith(ID_PREFIX.group) ? (joined.get(id) ?? null) : 1;
      return joinedSeq === null ? [] : [[id, visibleFloor({ joinedSeq, hiddenUpTo: hiddenUpTo.get(id) ?? 0 })]];
    }),
  );
}

async function withoutHidden<Row extends Place>(database: Database, agentId: string, rows: Row[]): Promise<Row[]> {
  if (rows.length === 0) return [];
  const ids = [...new Set(rows.map(({ conversationId }) => conversationId))];
  const ranges = await database.hiddenRanges
    .find({ agentId, conversationId: { $in: ids } }, { ...SAFE_READ, limit: RANGES_MAX + 1 })
    .toArray();
  if (ranges.length <= RANGES_MAX) {
    return rows.filter(
      ({ conversationId, seq }) =>
        !ranges.some((range) => range.conversationId === conversationId && range.from <= seq && range.to >= seq),
    );
  }
  const visible: Row[] = [];
  for (const row of rows) {
    const { conversationId } = row;
    if (!(await isHidden(database, { agentId, conversationId }, row.seq))) visible.push(row);
  }
  return visible;
}
