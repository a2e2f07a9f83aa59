import { AppError } from '../../contract/errors';
import type { ChatBody } from '../../contract/gateway';
import { CONTENT_BYTES_MAX, TURN_LIFE_SECONDS, TURN_MESSAGE_BYTES_MAX } from '../../contract/limits';
import { wireFile } from '../../domain/turn-files';
import type { BlobStore } from '../../platform/blobs/blob-store';
import { isAcquainted } from '../../store/gateway/contacts';
import type { Principal } from '../../store/gateway/principals';
import { startOnce, type TurnReceipt } from '../../store/gateway/receipts';
import { createSession, currentSession, findSession } from '../../store/gateway/sessions';
import type { GatewayExecution, GatewaySession } from '../../store/schema/collections/gateway';
import type { Database } from '../../store/schema/database';
import type { RateLimiter } from '../http/rate-limiter';
import type { FoundAgent } from './find-agent';
import { keepFiles, type GivenFile } from './given-files';
import type { Turns } from './turns';

interface Deps {
  database: Database;
  limiter: RateLimiter;
  turns: Turns;
  blobs: BlobStore;
}

/** Who begins a turn. */
export interface TurnCaller {
  principal: Principal;
  now: Date;
  /** Of a call with an `Idempotency-Key`. */
  receipt: TurnReceipt | null;
}

/** A turn that has begun, now or with the same call before. */
export interface BegunTurn {
  execution: GatewayExecution;
  isReplay: boolean;
}

/** What a caller says in a chat. */
export interface Said {
  body: Omit<ChatBody, 'files'>;
  files: GivenFile[];
  wantsStream: boolean;
}

/** What stands beside the text of a turn's message, but for what comes from its caller (gateway.md §8.1). */
const METADATA_BYTES_MAX = 1_024;

/**
 * Begins a turn of a caller with an agent: its session, then the turn. Whoever is refused has left no session behind, but
 * for who lost a race.
 * @throws AppError CONTENT_TOO_LARGE, SESSION_NOT_FOUND, SESSION_CLOSED, TURN_QUEUE_FULL, AWAITING_REPLY, RATE_LIMITED,
 * IDEMPOTENCY_KEY_CONFLICT, STORAGE_UNAVAILABLE
 */
export function beginTurn(
  deps: Deps,
  caller: TurnCaller,
  found: FoundAgent,
  { body, files, wantsStream }: Said,
): Promise<BegunTurn> {
  const { database, turns } = deps;
  const { principal, now } = caller;
  const agentId = found.agent._id;
  const hints = hintsOf(body);
  refuseOversize(body.message, TURN_MESSAGE_BYTES_MAX, { hints, files: files.map(wireFile) });
  const waitMs = body.timeout_seconds * 1_000;
  return startOnce(database, caller.receipt, now, async (receipt) => {
    const named = await findNamed(database, principal, agentId, body.session_id ?? body.conversation_id);
    const contactOf = await countContact(deps, principal, found);
    const session = named ?? (await chooseSession(database, caller, agentId, body.new_session));
    return turns.start({
      session,
      channel: session.kind,
      contactOf,
      message: body.message,
      files: await keepFiles(deps, session, files, now),
      wantsStream,
      hints,
      receipt,
      waitUntil: new Date(now.getTime() + waitMs),
      deadlineAt: new Date(now.getTime() + Math.max(waitMs, TURN_LIFE_SECONDS * 1_000)),
      now,
    });
  });
}

/** gateway.md §8.1: what the caller asks of the agent beside its message. */
export const hintsOf = ({ model, system_prompt: prompt }: Pick<ChatBody, 'model' | 'system_prompt'>) => ({
  ...(model === undefined ? {} : { model }),
  ...(prompt === undefined ? {} : { system_prompt: prompt }),
});

/**
 * Counts a turn with an agent, and a first contact with somebody else's.
 * @returns the account whose first contact the agent is; null: it is its own, or has answered the account before
 * @throws AppError AWAITING_REPLY, RATE_LIMITED
 */
export async function countContact(
  { database, limiter }: Pick<Deps, 'database' | 'limiter'>,
  principal: Principal,
  { agent, isOwned }: FoundAgent,
): Promise<string | null> {
  await limiter.countGateway('agent_turns', agent._id);
  const contactOf = isOwned ? null : principal.ownerId;
  if (contactOf === null || (await isAcquainted(database, { ownerId: contactOf, agentId: agent._id }))) return null;
  await limiter.countGateway('first_contacts', contactOf);
  return contactOf;
}

/**
 * Escapes can make a text larger than it is: it is measured as it will be stored, too.
 * @throws AppError CONTENT_TOO_LARGE
 */
export function refuseOversize(message: string, bytesMax: number, beside: object = {}): void {
  const stored = Buffer.byteLength(JSON.stringify({ text: message })) + Buffer.byteLength(JSON.stringify(beside));
  if (Buffer.byteLength(message) <= bytesMax && stored + METADATA_BYTES_MAX <= CONTENT_BYTES_MAX) return;
  throw new AppError('CONTENT_TOO_LARGE', { max_bytes: bytesMax });
}

/** gateway.md §4.3: the session that the caller names. @throws AppError SESSION_NOT_FOUND, SESSION_CLOSED */
export async function findNamed(
  database: Database,
  principal: Principal,
  agentId: string,
  id: string | undefined,
): Promise<GatewaySession | null> {
  if (id === undefined) return null;
  const session = await findSession(database, id, { principal, agentId });
  // A member's part of a team session has the team's turns only.
  if (session === null || session.memberOf !== undefined) throw new AppError('SESSION_NOT_FOUND');
  if (session.status === 'closed') throw new AppError('SESSION_CLOSED');
  return session;
}

/** Where none is named: a new one, or the caller's current one. */
export const chooseSession = (
  database: Database,
  { principal, now }: { principal: Principal; now: Date },
  agentId: string,
  isNew: boolean | undefined,
): Promise<GatewaySession> =>
  isNew === true ? createSession(database, principal, agentId, now) : currentSession(database, principal, agentId, now);
