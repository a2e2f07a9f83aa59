import { AppError } from '../../contract/errors';
import type { ChatBody } from '../../contract/gateway';
import { CONTENT_BYTES_MAX, TURN_LIFE_SECONDS, TURN_MESSAGE_BYTES_MAX } from '../../contract/limits';
import { isAcquainted } from '../../store/gateway/contacts';
import type { Principal } from '../../store/gateway/principals';
import { createSession, currentSession, findSession } from '../../store/gateway/sessions';
import type { GatewayExecution, GatewaySession } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import type { RateLimiter } from '../http/rate-limiter';
import type { FoundAgent } from './find-agent';
import type { Turns } from './turns';

interface Deps {
  database: Database;
  limiter: RateLimiter;
  turns: Turns;
}

/** What stands beside the text of a turn's message, but for the caller's hints (gateway.md §8.1). */
const METADATA_BYTES_MAX = 1_024;

/**
 * Begins a turn of a caller with an agent: its session, then the turn. Whoever is refused has left no session behind, but
 * for who lost a race.
 * @throws AppError CONTENT_TOO_LARGE, SESSION_NOT_FOUND, SESSION_CLOSED, TURN_QUEUE_FULL, AWAITING_REPLY, RATE_LIMITED
 */
export async function beginTurn(
  { database, limiter, turns }: Deps,
  caller: { principal: Principal; now: Date },
  { agent, isOwned }: FoundAgent,
  body: ChatBody,
  wantsStream: boolean,
): Promise<GatewayExecution> {
  const { principal, now } = caller;
  const hints = {
    ...(body.model === undefined ? {} : { model: body.model }),
    ...(body.system_prompt === undefined ? {} : { system_prompt: body.system_prompt }),
  };
  refuseOversize(body.message, hints);
  const named = await findNamed(database, principal, agent._id, body);
  const contactOf = isOwned ? null : principal.ownerId;
  if (contactOf !== null && !(await isAcquainted(database, { ownerId: contactOf, agentId: agent._id }))) {
    await limiter.countGateway('first_contacts', contactOf);
  }
  const session = named ?? (await chooseSession(database, caller, agent._id, body));
  const waitMs = body.timeout_seconds * 1_000;
  return turns.start({
    session,
    channel: session.kind,
    contactOf,
    message: body.message,
    wantsStream,
    hints,
    waitUntil: new Date(now.getTime() + waitMs),
    deadlineAt: new Date(now.getTime() + Math.max(waitMs, TURN_LIFE_SECONDS * 1_000)),
    now,
  });
}

/** Escapes can make a text larger than it is: it is measured as it will be stored, too. */
function refuseOversize(message: string, hints: object): void {
  const stored = Buffer.byteLength(JSON.stringify({ text: message })) + Buffer.byteLength(JSON.stringify(hints));
  if (Buffer.byteLength(message) <= TURN_MESSAGE_BYTES_MAX && stored + METADATA_BYTES_MAX <= CONTENT_BYTES_MAX) return;
  throw new AppError('CONTENT_TOO_LARGE', { max_bytes: TURN_MESSAGE_BYTES_MAX });
}

/** gateway.md §4.3: the session that the caller names. @throws AppError SESSION_NOT_FOUND, SESSION_CLOSED */
async function findNamed(
  database: Database,
  principal: Principal,
  agentId: string,
  body: ChatBody,
): Promise<GatewaySession | null> {
  const id = body.session_id ?? body.conversation_id;
  if (id === undefined) return null;
  const session = await findSession(database, id, { principal, agentId });
  if (session === null) throw new AppError('SESSION_NOT_FOUND');
  if (session.status === 'closed') throw new AppError('SESSION_CLOSED');
  return session;
}

/** Where none is named: a new one, or the caller's current one. */
const chooseSession = (
  database: Database,
  { principal, now }: { principal: Principal; now: Date },
  agentId: string,
  { new_session: isNew }: ChatBody,
): Promise<GatewaySession> =>
  isNew === true ? createSession(database, principal, agentId, now) : currentSession(database, principal, agentId, now);
