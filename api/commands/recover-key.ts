import { AppError, isAppError } from '../../contract/errors';
import { normaliseHandle } from '../../contract/handles';
import type { Agent } from '../../store/schema/collections/agents';
import type { Pending } from '../../store/schema/collections/verification';
import { findLiveByEmail } from '../../store/agents/live-agents';
import { deletePending, findPending } from '../../store/verification/pendings';
import { claimRecovery, withdrawRecovery } from '../../store/verification/recoveries';
import { newPending, proveCode } from './prove-code';
import { swapVerified, type KeySwapDeps, type VerifiedKey } from './swap-key';

/** The two calls of a key recovery by email; where it stands in between is the flow's. */
export interface Recovery {
  /** @returns a pending id, whatever the email is @throws AppError SERVICE_UNAVAILABLE */
  start(email: string, handle: string | null): Promise<string>;
  /** @throws AppError identity.md §6 */
  verify(pendingId: string, code: string): Promise<VerifiedKey>;
}

type Named = Pick<Agent, '_id' | 'handle'>;

export function createRecovery(deps: KeySwapDeps): Recovery {
  return {
    start: (email, handle) => start(deps, email, handle),
    verify: (pendingId, code) => verify(deps, pendingId, code),
  };
}

/**
 * The same steps for every email: look, store, ask the flow. What they find decides only what is stored, so neither the
 * answer nor its time tells. A crash after storing leaves a pending without a flow, or a mail that was not asked for: the
 * next ask makes up for it.
 */
async function start(deps: KeySwapDeps, email: string, typed: string | null): Promise<string> {
  await deps.flows.assertReachable();
  const named = typed === null ? null : normaliseHandle(typed);
  const found = (await findLiveByEmail(deps.database, email)).filter(
    ({ handle }) => named === null || handle === named,
  );
  const fresh = newPending(deps, {
    purpose: 'recover',
    email,
    // Of an email that backs several: none yet, the caller names one after the right code (identity.md D-18).
    agentId: found.length === 1 ? (found[0]?._id ?? null) : null,
    handle: found[0]?.handle ?? null,
    hasCode: false,
  });
  const { pending, ask } = await claimRecovery(deps.database, fresh);
  try {
    await deps.flows.askRecovery(pending._id, pending.handle, ask);
  } catch (error) {
    if (pending._id === fresh._id) await withdrawRecovery(deps.database, pending).catch(() => undefined);
    throw error;
  }
  return pending._id;
}

async function verify(deps: KeySwapDeps, pendingId: string, code: string): Promise<VerifiedKey> {
  const pending = await findPending(deps.database, pendingId, 'recover');
  if (pending === null) throw new AppError('EXPIRED');
  await proveCode(deps, 'recovery', pending, code);
  try {
    return await swapVerified(deps, 'recovery', pendingId, await agentOf(deps, pending));
  } catch (error) {
    // The code is used up whatever it led to.
    if (isAppError(error)) await deletePending(deps.database, pendingId).catch(() => undefined);
    throw error;
  }
}

/** @throws AppError AGENT_NOT_FOUND deleted meanwhile, HANDLE_REQUIRED several to choose from */
async function agentOf({ database }: KeySwapDeps, pending: Pending): Promise<Named> {
  const live = await findLiveByEmail(database, pending.email);
  const meant = pending.agentId === null ? live : live.filter(({ _id }) => _id === pending.agentId);
  const [agent] = meant;
  if (agent === undefined) throw new AppError('AGENT_NOT_FOUND');
  if (meant.length > 1) throw new AppError('HANDLE_REQUIRED', { handles: meant.map(({ handle }) => handle) });
  return agent;
}
