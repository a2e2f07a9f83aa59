import type { ErrorCode } from '../../contract/codes';
import { AppError, isAppError } from '../../contract/errors';
import { isHandle, isReservedHandle } from '../../contract/handles';
import { hashApiKey, newApiKey, newId } from '../../platform/ids';
import type { AgentReader } from '../../store/agents/agents';
import type { Agent } from '../../store/schema/collections/agents';
import { announceAgent } from '../../store/webhooks/intents/announce-agent';
import { deletePending, findPending, insertPending, recordCommitted } from '../../store/verification/pendings';
import { createAgent, findEmailUse, refuseEmail, type EmailCaps } from '../../store/accounts/create-agent';
import { commitVerified, newPending, proveCode, type CodeCheckDeps } from './prove-code';

export interface RegistrationDeps extends CodeCheckDeps {
  agents: AgentReader;
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
    verify: (pendingId, code) => verify(deps, pendingId, code).catch(tellNextStep),
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
  const pending = newPending(deps, {
    purpose: 'register',
    email: input.email,
    handle: input.handle,
    displayName: input.displayName,
    description: input.description,
  });
  await insertPending(deps.database, pending);
  try {
    await deps.flows.mailCode('registration', pending._id, input.handle);
  } catch (error) {
    await deletePending(deps.database, pending._id).catch(() => undefined);
    throw error;
  }
  return pending._id;
}

/** Checks 5 to 7; the creating transaction checks them again. */
async function refuseTaken(deps: RegistrationDeps, input: RegistrationInput): Promise<void> {
  const [taken, use] = await Promise.all([
    deps.agents.findByHandle(input.handle),
    findEmailUse(deps.database, input.email),
  ]);
  if (taken !== null) throw new AppError('HANDLE_TAKEN');
  const refusal = refuseEmail(use.live + 1, use.lifetime + 1, deps.caps);
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
  if (pending === null || pending.handle === null) throw new AppError('EXPIRED');
  await proveCode(deps, 'registration', pending, code);
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
  return commitVerified(deps, 'registration', pendingId, async (done) => {
    const created = { commit: { agentId: input.id, keyVersion: 1 } };
    const agent = await createAgent(deps.database, input, deps.caps, (session) =>
      recordCommitted(deps.database, { ...done, ...created, at: input.createdAt }, session),
    );
    announceAgent(deps.database, agent).catch((error: unknown) => {
      deps.log.warn({ event: 'registration.not_announced', agentId: agent._id, err: error });
    });
    return { ...created, agent, apiKey };
  });
}

/** After these the pending sign-up is over, whatever is tried next. */
const ENDS: ReadonlySet<ErrorCode> = new Set([
  'EXPIRED',
  'OTP_ATTEMPTS_EXHAUSTED',
  'HANDLE_TAKEN',
  'EMAIL_TAKEN',
  'EMAIL_LIMIT_REACHED',
  'EMAIL_EXHAUSTED',
]);

/** Clients read from the refusal that they have to start over (identity.md §3). @throws AppError the same with it */
function tellNextStep(error: unknown): never {
  if (!isAppError(error) || !ENDS.has(error.code)) throw error;
  throw new AppError(error.code, { ...error.details, next_step: 'register' }, error.retryAfterMs, error.message);
}
