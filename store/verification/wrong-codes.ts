import type { Document } from 'mongodb';
import { WRONG_CODES_WINDOW_MS } from '../../contract/code-limits';
import { budgetOf, wrongCodesMax, type CodeBudget } from '../../domain/code-budgets';
import { emailKey } from '../accounts/create-agent';
import type { Pending } from '../schema/collections/verification';
import { makeOrFind } from '../schema/conflicts';
import type { Database } from '../schema/database';
import { WRITE } from '../schema/reads';

/** A try at a code: of which pending, and which one of it. The same try is counted once, however often it is run. */
export interface CodeTry {
  pending: Pick<Pending, '_id' | 'email' | 'purpose' | 'agentId' | 'isKnownDevice'>;
  /** Names the try among those of its pending. */
  name: string;
}

/**
 * Takes a place for this try among the wrong codes of its email, before anything is compared: of any number of tries at
 * once, at any number of pendings, no more are compared than the budget has room for. By the database's clock; places
 * come free a day after they were taken. One write, the same when there is no room.
 *
 * A crash after it leaves the place taken; the same try finds it and is compared.
 * @returns false when there is no room: the code counts as wrong, whatever it is
 */
export async function takeTry(database: Database, { pending, name }: CodeTry): Promise<boolean> {
  const id = tryId(pending._id, name);
  const steps = taking(id, budgetOf(pending));
  const row = await makeOrFind(() =>
    database.wrongCodes.findOneAndUpdate({ _id: emailKey(pending.email) }, steps, {
      upsert: true,
      returnDocument: 'after',
      ...WRITE,
    }),
  );
  return row?.tries.some((one) => one.id === id) ?? false;
}

/** The code was right: its place is free again. Repeating it changes nothing. */
export async function giveBackTry(database: Database, { pending, name }: CodeTry): Promise<void> {
  const id = tryId(pending._id, name);
  await database.wrongCodes.updateOne({ _id: emailKey(pending.email) }, { $pull: { tries: { id } } }, WRITE);
}

const tryId = (pendingId: string, name: string): string => `${pendingId}:${name}`;

/** The wrong codes of the last day, and this try where its budget has room; `anybody` counts those of every purpose. */
function taking(id: string, budget: CodeBudget): Document[] {
  const recent = { $gt: ['$$this.at', { $subtract: ['$$NOW', WRONG_CODES_WINDOW_MS] }] };
  const isOfBudget = { $eq: ['$$this.budget', { $literal: budget }] };
  const counted = budget === 'anybody' ? '$tries' : { $filter: { input: '$tries', cond: isOfBudget } };
  const isTaken = { $in: [{ $literal: id }, '$tries.id'] };
  const isFull = { $gte: [{ $size: counted }, wrongCodesMax(budget)] };
  const taken = { id: { $literal: id }, budget: { $literal: budget }, at: '$$NOW' };
  return [
    {
      $set: {
        tries: { $filter: { input: { $ifNull: ['$tries', []] }, cond: recent } },
        expiresAt: { $add: ['$$NOW', WRONG_CODES_WINDOW_MS] },
      },
    },
    {
      $set: { tries: { $cond: [{ $or: [isTaken, isFull] }, '$tries', { $concatArrays: ['$tries', [taken]] }] } },
    },
  ];
}
