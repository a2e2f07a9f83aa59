import { AppError, isAppError } from '../../contract/errors';
import { PENDING_LIFETIME_MS } from '../../contract/limits';
import type { Clock } from '../../platform/clock';
import { codeProof } from '../../platform/codes';
import type { SecretKey } from '../../platform/config';
import type { Flows } from '../../platform/flows/flows';
import { newId } from '../../platform/ids';
import type { Logger } from '../../platform/logger';
import type { Pending } from '../../store/schema/collections/verification';
import type { Database } from '../../store/schema/database';
import { deletePending, settleCommitted, type Committed } from '../../store/verification/pendings';
import type { CodeFlowName } from '../../workflows/messages/code-by-mail';

/** What registration, recovery, rotation and sign-in need of the outside. */
export interface CodeCheckDeps {
  database: Database;
  flows: Flows;
  clock: Clock;
  log: Logger;
  secretKeys: SecretKey[];
}

/** A pending row as it starts: valid for ten minutes, its code derived under the first of the keys. */
export function newPending(deps: CodeCheckDeps, of: Pick<Pending, 'purpose' | 'email'> & Partial<Pending>): Pending {
  const createdAt = deps.clock.now();
  return {
    _id: newId('pending'),
    agentId: null,
    handle: null,
    displayName: null,
    description: null,
    keyId: deps.secretKeys[0]?.id ?? '',
    createdAt,
    expiresAt: new Date(createdAt.getTime() + PENDING_LIFETIME_MS),
    ...of,
  };
}

/**
 * Lets the flow rule on `code`: attempts and the one winner are its business, and only a hash of what was typed gets
 * there. @throws AppError identity.md §4 checks 3 to 6
 */
export async function proveCode(
  deps: CodeCheckDeps,
  flow: CodeFlowName,
  pending: Pending,
  code: string,
): Promise<void> {
  const key = deps.secretKeys.find((candidate) => candidate.id === pending.keyId);
  if (key === undefined) throw new AppError('EXPIRED');
  await deps.flows.verifyCode(flow, pending._id, codeProof(key, pending._id, code));
}

/**
 * Runs the transaction that a right code was for, then tells the flow. Dying before the commit means that the caller
 * starts over; between commit and telling, the worker's relay tells the flow. A refusal uses the pending up, too.
 */
export async function commitVerified<T>(
  deps: CodeCheckDeps,
  flow: CodeFlowName,
  pendingId: string,
  commit: (done: Pick<Committed, 'pendingId' | 'workflowId'>) => Promise<T & Pick<Committed, 'commit'>>,
): Promise<T> {
  const workflowId = deps.flows.codeFlowId(flow, pendingId);
  try {
    const done = await commit({ pendingId, workflowId });
    void tellFlow(deps, workflowId, done);
    return done;
  } catch (error) {
    if (isAppError(error)) await deletePending(deps.database, pendingId).catch(() => undefined);
    throw error;
  }
}

/** For latency only: the worker's relay signals the flow if this does not get through. */
async function tellFlow(
  { database, flows, log }: CodeCheckDeps,
  workflowId: string,
  { commit }: Pick<Committed, 'commit'>,
): Promise<void> {
  try {
    await flows.signalCommitted(workflowId, commit);
    await settleCommitted(database, workflowId);
  } catch (error) {
    log.warn({ event: 'flow.signal_deferred', err: error });
  }
}
