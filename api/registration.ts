import { AppError, isAppError } from '../contract/errors';
import { isHandle, isReservedHandle } from '../contract/handles';
import { PENDING_LIFETIME_MS } from '../contract/limits';
import type { Clock } from '../platform/clock';
import { codeProof } from '../platform/codes';
import type { SecretKey } from '../platform/config';
import type { Flows } from '../platform/flows';
import { hashApiKey, newApiKey, newId } from '../platform/ids';
import type { Logger } from '../platform/logger';
import type { AgentReader } from '../store/agents';
import type { Agent } from '../store/collections/agents';
import type { Database } from '../store/database';
import { deletePending, findPending, insertPending, recordCommitted } from '../store/pendings';
import { createAgent, emailKey, refuseEmail, type EmailCaps } from '../store/transactions/create-agent';

export interface RegistrationDeps {
  database: Database;
  agents: AgentReader;
  flows: Flows;
  clock: Clock;
  log: Logger;
  secretKeys: SecretKey[];
  caps: EmailCaps;
}

export interface RegistrationInput {
  email: string;
  handle: string;
  displayName: string | null;
  description: string | null;
}

/** The two calls of a registration; where it stands in between is the flow's. */
export interface Registration {
  /** @returns the pending id @throws AppError identity.md §3 checks 4 to 11 */
  start(input: RegistrationInput): Promise<string>;
  /** @throws AppError identity.md §4 checks 3 to 9 */
  verify(pendingId: string, code: string): Promise<{ agent: Agent; apiKey: string }>;
}

export function createRegistration(deps: RegistrationDeps): Registration {
  return {
    start: (input) => start(deps, input),
    verify: (pendingId, code) => verify(deps, pendingId, code),
  };
}

/**
 * The pending row is written before the flow starts, because the worker reads the address from it. A crash in between
 * leaves a row that expires by itself; a refusal removes it.
 */
async function start(deps: RegistrationDeps, input: RegistrationInput): Promise<string> {
  if (!isHandle(input.handle)) throw new AppError('INVALID_HANDLE', { reason: 'format' });
  if (isReservedHandle(input.handle)) throw new AppError('INVALID_HANDLE', { reason: 'reserved' });
  await refuseTaken(deps, input);
  const pendingId = newId('pending');
  const createdAt = deps.clock.now();
  await insertPending(deps.database, {
    _id: pendingId,
    purpose: 'register',
    email: input.email,
    agentId: null,
    handle: input.handle,
    displayName: input.displayName,
    description: input.description,
    keyId: deps.secretKeys[0]?.id ?? '',
    createdAt,
    expiresAt: new Date(createdAt.getTime() + PENDING_LIFETIME_MS),
  });
  try {
    await deps.flows.startRegistration(pendingId, input.handle);
  } catch (error) {
    await deletePending(deps.database, pendingId).catch(() => undefined);
    throw error;
  }
  return pendingId;
}

/** Checks 5 to 7; the creating transaction checks them again. */
async function refuseTaken(deps: RegistrationDeps, input: RegistrationInput): Promise<void> {
  const [taken, head] = await Promise.all([
    deps.agents.findByHandle(input.handle),
    deps.database.emailHeads.findOne({ _id: emailKey(input.email) }, { maxTimeMS: 5_000 }),
  ]);
  if (taken !== null) throw new AppError('HANDLE_TAKEN');
  const refusal = refuseEmail((head?.live ?? 0) + 1, (head?.lifetime ?? 0) + 1, deps.caps);
  if (refusal !== null) throw refusal;
}

/**
 * The flow rules on the code (attempts, one winner); this process then creates the agent in its own transaction, so
 * the plain key never depends on a worker's answer. Dying between the two means that the caller starts over.
 */
async function verify(
  deps: RegistrationDeps,
  pendingId: string,
  code: string,
): Promise<{ agent: Agent; apiKey: string }> {
  const pending = await findPending(deps.database, pendingId, 'register');
  const key = deps.secretKeys.find((candidate) => candidate.id === pending?.keyId);
  if (pending === null || pending.handle === null || key === undefined) throw new AppError('EXPIRED');
  await deps.flows.verifyRegistration(pendingId, codeProof(key, pendingId, code));
  const apiKey = newApiKey();
  const input = {
    id: newId('agent'),
    handle: pending.handle,
    email: pending.email,
    apiKeyHash: hashApiKey(apiKey),
    displayName: pending.displayName,
    description: pending.description,
    createdAt: deps.clock.now(),
  };
  try {
    const agent = await createAgent(deps.database, input, deps.caps, (session) =>
      recordCommitted(deps.database, pendingId, deps.flows.registrationId(pendingId), input.createdAt, session),
    );
    void tellFlow(deps, pendingId);
    return { agent, apiKey };
  } catch (error) {
    // The pending is used up whatever happens now: the caller starts over.
    if (isAppError(error)) await deletePending(deps.database, pendingId).catch(() => undefined);
    throw error;
  }
}

/** For latency only: the worker's relay signals the flow if this does not get through. */
async function tellFlow(deps: RegistrationDeps, pendingId: string): Promise<void> {
  try {
    await deps.flows.signalCommitted(deps.flows.registrationId(pendingId));
    await deps.database.outbox.deleteMany({ kind: 'flow.committed', workflowId: deps.flows.registrationId(pendingId) });
  } catch (error) {
    deps.log.warn({ event: 'flow.signal_deferred', err: error });
  }
}
