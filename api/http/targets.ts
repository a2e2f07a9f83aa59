import { AppError } from '../../contract/errors';
import { isHandle, normaliseHandle } from '../../contract/handles';
import { isVisible } from '../../domain/guards';
import type { AgentReader } from '../../store/agents/agents';
import type { Agent } from '../../store/schema/collections/agents';

/** Any account that ever had the handle `typed` as callers type it, whatever its state; null for everything else. */
export async function findAccount(agents: AgentReader, typed: string): Promise<Agent | null> {
  const handle = normaliseHandle(typed);
  return isHandle(handle) ? agents.findByHandle(handle) : null;
}

/** The same of what can be in a group: no guest of the gateway is (gateway.md §1.1). */
export async function findMember(agents: AgentReader, typed: string): Promise<Agent | null> {
  const agent = await findAccount(agents, typed);
  return agent?.guestOf === undefined ? agent : null;
}

/**
 * The account that others may act upon: active or restricted (social.md §0).
 * @throws AppError AGENT_NOT_FOUND the same for suspended, deleted, never registered and malformed
 */
export async function resolveTarget(agents: AgentReader, typed: string): Promise<Agent> {
  const agent = await findAccount(agents, typed);
  if (agent === null || agent.guestOf !== undefined || !isVisible(agent.status)) throw new AppError('AGENT_NOT_FOUND');
  return agent;
}

/**
 * The same with the guests of the gateway that `viewer` may see: those that have a session with it (gateway.md §1.1).
 * @param viewer null: nobody is signed in
 * @throws AppError AGENT_NOT_FOUND
 */
export async function resolveVisible(
  agents: AgentReader,
  viewer: Pick<Agent, '_id'> | null,
  typed: string,
): Promise<Agent> {
  const agent = await findAccount(agents, typed);
  if (agent === null || !sees(viewer, agent)) throw new AppError('AGENT_NOT_FOUND');
  return agent;
}

/** Whether an account is there for `viewer`: a guest is for the agents that have a session with it. */
function sees(viewer: Pick<Agent, '_id'> | null, { guestOf, status }: Agent): boolean {
  return isVisible(status) && (guestOf === undefined || (viewer !== null && guestOf.includes(viewer._id)));
}

/**
 * What a clean-up call answers that found no row of the caller (social.md D-1): rows about any account can be cleaned
 * up, but without one a hidden account is as unknown as it is elsewhere.
 */
export function nothingToClean(caller: Pick<Agent, '_id'>, agent: Agent | null): AppError {
  return new AppError(agent !== null && sees(caller, agent) ? 'NOT_FOUND' : 'AGENT_NOT_FOUND');
}

/** @throws AppError FORBIDDEN when `typed` is not the caller's own handle, whether it exists or not */
export function refuseForeign(caller: Agent, typed: string): void {
  if (normaliseHandle(typed) !== caller.handle) throw new AppError('FORBIDDEN');
}

/** @throws AppError VALIDATION_ERROR when `target` is the caller */
export function refuseSelf(caller: Agent, target: Agent, what: string): void {
  if (caller._id === target._id) throw new AppError('VALIDATION_ERROR', undefined, undefined, what);
}
