import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { suspensionReason } from '../../domain/enforcement';
import type { Agent } from './collections/agents';
import { withTransaction, type Database } from './database';

/** Whose call it is, and which key it was authenticated with. */
export type Caller = Pick<Agent, '_id' | 'keyVersion'>;

/** An owner that acts for an agent which it has claimed: its call is none of the agent's, and has no key. */
export interface OwnerCaller {
  ownerId: string;
  agentId: string;
}

/**
 * The caller's part of a transaction that its call makes: proves that the key still is the agent's and that the account
 * may act (identity.md §12). It writes the agent's row, as every change of key or status does, so of the two at once one
 * comes after the other: a write is before the swap, or finds the new key and has no effect. Last in its transaction, so
 * that the row is held for a moment only.
 * @throws AppError UNAUTHORIZED, SUSPENDED: the transaction ends with it
 */
export async function proveCaller(
  database: Database,
  { _id, keyVersion }: Caller,
  session: ClientSession,
): Promise<void> {
  const { matchedCount } = await database.agents.updateOne(
    { _id, keyVersion, status: { $in: ['active', 'restricted'] } },
    { $inc: { provenWrites: 1 } },
    { session },
  );
  if (matchedCount === 1) return;
  const now = await database.agents.findOne(
    { _id },
    { session, projection: { keyVersion: 1, status: 1, statusSource: 1 } },
  );
  refuseOutdated(now, keyVersion);
  throw new Error('a caller was refused without a reason');
}

/** @throws AppError UNAUTHORIZED, SUSPENDED */
export function refuseOutdated(
  agent: Pick<Agent, 'keyVersion' | 'status' | 'statusSource'> | null,
  keyVersion: number,
): void {
  if (agent === null || agent.status === 'deleted' || agent.keyVersion !== keyVersion) {
    throw new AppError('UNAUTHORIZED');
  }
  if (agent.status === 'suspended') throw new AppError('SUSPENDED', { reason: suspensionReason(agent.statusSource) });
}

/**
 * The owner's part of a transaction that its call makes: proves that the claim still is the owner's. It writes the claim,
 * which its end removes, so of the two at once one comes after the other: an owner changes nothing of an agent that it has
 * just lost. First in its transaction, so that a deleted agent is an unknown one whatever else is gone with it.
 * @throws AppError AGENT_NOT_FOUND: the transaction ends with it
 */
async function proveClaim(
  database: Database,
  { ownerId, agentId }: OwnerCaller,
  session: ClientSession,
): Promise<void> {
  const { matchedCount } = await database.claims.updateOne(
    { _id: agentId, ownerId },
    { $inc: { provenWrites: 1 } },
    { session },
  );
  if (matchedCount === 0) throw new AppError('AGENT_NOT_FOUND');
}

/**
 * As `withTransaction`, for what an agent's call writes: the caller is proved in the same commit. Calls of one agent take
 * turns in their process, since all of them write its row. Of an owner the claim is proved. Without a caller, what the
 * server does by itself, or what was proved otherwise.
 * @throws AppError UNAUTHORIZED, SUSPENDED, of an owner AGENT_NOT_FOUND; then nothing was done. Else as `withTransaction`
 */
export function withTransactionBy<T>(
  database: Database,
  caller: Caller | OwnerCaller | undefined,
  work: (session: ClientSession) => Promise<T>,
): Promise<T> {
  if (caller === undefined) return withTransaction(database, work);
  if ('ownerId' in caller) return withTransactionOfOwner(database, caller, work);
  return inTurnOfCaller(database, caller, () =>
    withTransaction(database, async (session) => {
      const done = await work(session);
      await proveCaller(database, caller, session);
      return done;
    }),
  );
}

function withTransactionOfOwner<T>(
  database: Database,
  owner: OwnerCaller,
  work: (session: ClientSession) => Promise<T>,
): Promise<T> {
  return database.inTurnOf(`claim:${owner.agentId}`, () =>
    withTransaction(database, async (session) => {
      await proveClaim(database, owner, session);
      return work(session);
    }),
  );
}

/** As `withTransactionBy`, in turns with all other such work on the document `id` of this process. */
export function withTransactionOnBy<T>(
  database: Database,
  { id, caller }: { id: string; caller: Caller | OwnerCaller | undefined },
  work: (session: ClientSession) => Promise<T>,
): Promise<T> {
  return database.inTurnOf(id, () => withTransactionBy(database, caller, work));
}

/** Always the inner one of two turns: whoever has it waits for no other. */
export const inTurnOfCaller = <T>(database: Database, { _id }: Caller, work: () => Promise<T>): Promise<T> =>
  database.inTurnOf(`caller:${_id}`, work);
