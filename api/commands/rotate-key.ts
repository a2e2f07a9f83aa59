import { AppError } from '../../contract/errors';
import type { Agent } from '../../store/schema/collections/agents';
import { deletePending, findPending, insertPending } from '../../store/verification/pendings';
import { newPending, proveCode } from './prove-code';
import { swapVerified, type KeySwapDeps, type VerifiedKey } from './swap-key';

/** The two calls of a key rotation by its own agent; where it stands in between is the flow's. */
export interface Rotation {
  /** @returns the pending id @throws AppError SYSTEM_AGENT_PROTECTED, OTP_*, SERVICE_UNAVAILABLE */
  start(agent: Agent): Promise<string>;
  /** @throws AppError identity.md §12 from EXPIRED on */
  verify(agent: Agent, pendingId: string, code: string): Promise<VerifiedKey>;
}

export function createRotation(deps: KeySwapDeps): Rotation {
  return {
    start: (agent) => start(deps, agent),
    verify: (agent, pendingId, code) => verify(deps, agent, pendingId, code),
  };
}

/** As a registration: the row first, then the flow; a refusal removes the row, a crash lets it expire. */
async function start(deps: KeySwapDeps, agent: Agent): Promise<string> {
  if (agent.isSystem) throw new AppError('SYSTEM_AGENT_PROTECTED');
  const pending = newPending(deps, {
    purpose: 'rotate',
    email: agent.email,
    agentId: agent._id,
    handle: agent.handle,
  });
  await insertPending(deps.database, pending);
  try {
    await deps.flows.mailCode('rotation', pending._id, agent.handle);
  } catch (error) {
    await deletePending(deps.database, pending._id).catch(() => undefined);
    throw error;
  }
  return pending._id;
}

/** A pending of somebody else is refused before its flow hears of it: it keeps its tries. */
async function verify(deps: KeySwapDeps, agent: Agent, pendingId: string, code: string): Promise<VerifiedKey> {
  const pending = await findPending(deps.database, pendingId, 'rotate');
  const isOwn = pending?.agentId === agent._id;
  // Whether the own one is over, its flow says.
  if (pending === null || (!isOwn && pending.expiresAt <= deps.clock.now())) throw new AppError('EXPIRED');
  if (!isOwn) throw new AppError('FORBIDDEN');
  await proveCode(deps, 'rotation', pending, code);
  return swapVerified(deps, 'rotation', pendingId, agent, { keyVersion: agent.keyVersion });
}
