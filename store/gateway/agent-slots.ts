import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import {
  AGENT_CHATS_WAITING_MAX,
  AGENT_TASKS_WAITING_MAX,
  AGENT_TURNS_MAX,
  TURN_QUEUE_RETRY_MS,
} from '../../contract/limits';
import { newOutboxId } from '../../platform/ids';
import type { GatewayExecution, GatewaySlots } from '../schema/collections/gateway';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

type Turn = Pick<GatewayExecution, '_id' | 'agentId' | 'channel' | 'waitsFor'>;

const countOf = ({ channel }: Pick<Turn, 'channel'>): 'chats' | 'tasks' => (channel === 'task' ? 'tasks' : 'chats');
const WAITING_MAX = { chats: AGENT_CHATS_WAITING_MAX, tasks: AGENT_TASKS_WAITING_MAX };

/**
 * Runs work that writes an agent's slots. At once, those of one process would collide on the one row, and wait longer for
 * their next try than the row is written; so they go one after another, several with one commit.
 */
export const inSlotsOf = <T>(
  database: Database,
  agentId: string,
  work: (transaction: ClientSession) => Promise<T>,
): Promise<T> => database.inSharedTransaction(`turns:${agentId}`, work);

/**
 * Takes one of the agent's slots for a turn that starts, or lets it wait (gateway.md §9.2). In the transaction that makes
 * the turn durable: of any number at once, over all processes, no more than the limit run.
 * @param isFirst it need not wait for its session
 * @returns what it waits for, undefined when it has a slot
 * @throws AppError TURN_QUEUE_FULL
 */
export async function enterAgent(
  database: Database,
  turn: Turn,
  isFirst: boolean,
  transaction: ClientSession,
): Promise<GatewayExecution['waitsFor']> {
  const count = countOf(turn);
  const hasRoom = isFirst ? { $lt: [{ $size: '$running' }, orElse('$max', AGENT_TURNS_MAX)] } : false;
  const waiting = { $min: [{ $add: [`$${count}`, 1] }, WAITING_MAX[count]] };
  const before = await database.gatewaySlots.findOneAndUpdate(
    { _id: turn.agentId },
    [
      FILLED,
      {
        $set: {
          running: { $cond: [hasRoom, { $concatArrays: ['$running', [turn._id]] }, '$running'] },
          [count]: { $cond: [hasRoom, `$${count}`, waiting] },
        },
      },
    ],
    { upsert: true, returnDocument: 'before', session: transaction },
  );
  // As the statement has decided.
  if (isFirst && (before?.running.length ?? 0) < maxOf(before)) return undefined;
  if ((before?.[count] ?? 0) >= WAITING_MAX[count]) {
    throw new AppError('TURN_QUEUE_FULL', { retry_after_ms: TURN_QUEUE_RETRY_MS }, TURN_QUEUE_RETRY_MS);
  }
  return isFirst ? 'agent' : 'session';
}

const orElse = (value: string, otherwise: unknown) => ({ $ifNull: [value, otherwise] });

/** What a new row has. */
const FILLED = { $set: { running: orElse('$running', []), chats: orElse('$chats', 0), tasks: orElse('$tasks', 0) } };

const maxOf = (slots: GatewaySlots | null): number => slots?.max ?? AGENT_TURNS_MAX;

/**
 * A turn runs and waits no more: its slot goes to the one that has waited for it in the order of gateway.md §9.2: chats
 * before tasks, then by priority, then by age. Repeating it frees nothing twice.
 * @param nextInSession the turn that waited for this one's session, and waits for the agent from now on
 * @returns the turn whose message is to be handed over now, or null
 */
export async function leaveAgent(
  database: Database,
  turn: Turn,
  nextInSession: string | null,
  transaction: ClientSession,
): Promise<string | null> {
  const { _id, agentId } = turn;
  const own = { session: transaction };
  const waited = turn.waitsFor === undefined ? {} : { $inc: { [countOf(turn)]: -1 } };
  const slots = await database.gatewaySlots.findOneAndUpdate(
    { _id: agentId },
    { $pull: { running: _id }, ...waited },
    { ...own, returnDocument: 'after' },
  );
  if (nextInSession !== null) {
    await database.gatewayExecutions.updateOne(
      { _id: nextInSession, waitsFor: 'session' },
      { $set: { waitsFor: 'agent' } },
      own,
    );
  }
  if (slots === null || slots.running.length >= maxOf(slots) || slots.chats + slots.tasks === 0) return null;
  return beginNext(database, agentId, transaction);
}

/** Gives a slot to the turn that waits for the agent and is the next one; null when none does. */
async function beginNext(database: Database, agentId: string, transaction: ClientSession): Promise<string | null> {
  const own = { session: transaction };
  const next = await database.gatewayExecutions.findOneAndUpdate(
    { agentId, waitsFor: 'agent' },
    { $unset: { waitsFor: '' } },
    { ...own, sort: { rank: 1, queuedAt: 1, _id: 1 } },
  );
  if (next === null) return null;
  await database.gatewaySlots.updateOne(
    { _id: agentId },
    { $push: { running: next._id }, $inc: { [countOf(next)]: -1 } },
    own,
  );
  return next._id;
}

/** How busy an agent is. */
export async function loadSlots(database: Database, agentId: string): Promise<Required<GatewaySlots>> {
  return filled(agentId, await database.gatewaySlots.findOne({ _id: agentId }, READ));
}

/**
 * Sets how many turns an agent takes at once. Those that have a slot with that are handed over behind the commit; a row
 * of the outbox for each makes that certain. With fewer, turns that run go on, and none begins until there is room.
 * @returns how busy it is then, and the turns that have begun
 */
export async function setSlots(
  database: Database,
  { agentId, max, at }: { agentId: string; max: number; at: Date },
): Promise<{ slots: Required<GatewaySlots>; begun: string[] }> {
  const begun = await inSlotsOf(database, agentId, async (transaction) => {
    const ids: string[] = [];
    const slots = await database.gatewaySlots.findOneAndUpdate({ _id: agentId }, [FILLED, { $set: { max } }], {
      upsert: true,
      returnDocument: 'after',
      session: transaction,
    });
    for (let free = max - (slots?.running.length ?? 0); free > 0; free -= 1) {
      const id = await beginNext(database, agentId, transaction);
      if (id === null) break;
      ids.push(id);
    }
    const rows = ids.map((id) => endedRow({ executionId: id, nextId: id }, at));
    if (rows.length > 0) await database.outbox.insertMany(rows, { session: transaction });
    return ids;
  });
  return { slots: await loadSlots(database, agentId), begun };
}

const endedRow = (ended: { executionId: string; nextId: string }, createdAt: Date) => ({
  _id: newOutboxId(),
  kind: 'turn.ended' as const,
  ...ended,
  createdAt,
});

const filled = (_id: string, slots: GatewaySlots | null): Required<GatewaySlots> => ({
  _id,
  running: [],
  chats: 0,
  tasks: 0,
  max: AGENT_TURNS_MAX,
  ...slots,
});
