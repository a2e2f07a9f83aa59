import { createHash } from 'node:crypto';
import type { ErrorCode } from '../../contract/codes';
import { isAppError } from '../../contract/errors';
import { wireTranscript } from '../../domain/team-text';
import { wireFile, type TurnFile } from '../../domain/turn-files';
import { hasEnded, type TurnFailure } from '../../domain/turns';
import type { Clock } from '../../platform/clock';
import type { GatewayExecution, GatewaySession } from '../schema/collections/gateway';
import type { TeamPart } from '../schema/collections/gateway-teams';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import type { Committer } from '../sending/committer';
import type { SendCommand } from '../sending/send-types';
import { noteHandedOver } from './handed-over';
import { turnClientMsgId } from './replies';
import { tryAgain } from './tries';
import { detachTurn, endTurn, loadTurn, type EndedTurn } from './turns';

export interface HandOverDeps {
  database: Database;
  committer: Pick<Committer, 'send'>;
  clock: Clock;
}

/** A turn with its session. */
export type LoadedTurn = NonNullable<Awaited<ReturnType<typeof loadTurn>>>;

/** What became of a turn whose message was to be handed over. */
export type HandOver =
  | { state: 'waiting' | 'ended' }
  /** `nextId`: the turn that has its slot now, because nobody waits for this one any more. */
  | { state: 'handed-over'; nextId: string | null }
  /** It ended just now: the agent cannot be written to. */
  | { state: 'failed'; ended: EndedTurn };

/**
 * Sends the user's message of a turn to its agent, when the turn has its slot. Any number of processes may
 * do it at once and again after a crash: the message's client id makes it one message, and the notes are made once.
 * @param known the turn, where it was stored just now
 * @throws AppError SERVICE_UNAVAILABLE, driver errors: it is to be tried again
 */
export async function handOver(deps: HandOverDeps, executionId: string, known?: LoadedTurn): Promise<HandOver> {
  const turn = known ?? (await loadTurn(deps.database, executionId));
  if (turn === null || hasEnded(turn.execution.status)) return { state: 'ended' };
  const { execution, session } = turn;
  // Its flow asks the members when it is the first of its session.
  if (execution.team !== undefined) return { state: 'waiting' };
  if (execution.messageId !== null) return { state: 'handed-over', nextId: null };
  if (mustWait(execution, deps.clock.now())) return { state: 'waiting' };
  const message = await send(deps, execution, session);
  if (message === 'paused') return { state: 'waiting' };
  if ('failure' in message) {
    if (message.failure === 'recipient_backlogged' && (await tryAgain(deps.database, executionId, deps.clock.now())))
      return { state: 'waiting' };
    const error = { code: message.failure, message: message.text };
    const ended = await endTurn(deps.database, executionId, { status: 'failed', error, at: deps.clock.now() });
    return ended === null ? { state: 'ended' } : { state: 'failed', ended };
  }
  await noteHandedOver(deps.database, execution, message);
  const now = deps.clock.now();
  // Its caller has gone meanwhile: what waits behind it goes on.
  const nextId = now >= execution.waitUntil ? await detachTurn(deps.database, executionId, now) : null;
  return { state: 'handed-over', nextId };
}

/**
 * Hands over this turn, and what comes behind it as long as turns fail or nobody waits for them.
 * @param known this turn, where it was stored just now
 * @returns the turns that failed
 */
export async function handOverFrom(
  deps: HandOverDeps,
  executionId: string | null,
  known?: LoadedTurn,
): Promise<EndedTurn[]> {
  const failed: EndedTurn[] = [];
  for (let next = executionId; next !== null;) {
    const result = await handOver(deps, next, next === executionId ? known : undefined);
    if (result.state === 'failed') failed.push(result.ended);
    next = nextOf(result);
  }
  return failed;
}

function nextOf(result: HandOver): string | null {
  if (result.state === 'failed') return result.ended.nextId;
  return result.state === 'handed-over' ? result.nextId : null;
}

/** Behind others of its session or its agent, or before its next try. */
const mustWait = ({ waitsFor, tries }: GatewayExecution, now: Date): boolean =>
  waitsFor !== undefined || (tries !== undefined && tries.notBefore > now);

/** Refusals of a send that end the turn; all others may pass. */
const FAILURES: Partial<Record<ErrorCode, TurnFailure>> = {
  AGENT_NOT_FOUND: 'agent_deleted',
  BLOCKED: 'blocked',
  RECIPIENT_BACKLOGGED: 'recipient_backlogged',
};

async function send(
  { database, committer }: HandOverDeps,
  execution: GatewayExecution,
  session: GatewaySession,
): Promise<Message | 'paused' | { failure: TurnFailure; text: string }> {
  const [agent, metadata] = await Promise.all([
    database.agents.findOne({ _id: execution.agentId }, { ...READ, projection: { handle: 1, pausedByOwner: 1 } }),
    metadataOf(database, execution, session),
  ]);
  if (agent === null) return { failure: 'agent_deleted', text: 'The agent does not exist any more' };
  // Its owner's unpause hands over what waits (gateway.md §1.2); of what somebody waits for, the pause came later.
  if (execution.channel === 'task' && agent.pausedByOwner !== 'none') return 'paused';
  const sender = { id: session.guestId, handle: session.guestHandle, isSystem: false, keyVersion: 1, isCached: false };
  const say = async (said: Said): Promise<Message> => {
    const outcome = await committer.send({ sender, to: agent.handle, ...said });
    if (outcome.kind === 'unproven') throw new Error('a guest was not proven');
    return outcome.message;
  };
  try {
    // The text last: whichever process sends which of them, they come in this order.
    for (const [index, file] of (execution.files ?? []).entries()) {
      await say(fileOf(execution, file, index)).catch(unlessGone);
    }
    return await say({
      clientMsgId: turnClientMsgId(execution._id, execution.tries?.attempt),
      type: 'text',
      content: JSON.stringify({ text: execution.message }),
      metadata: JSON.stringify({ gateway: metadata }),
      attachmentId: null,
    });
  } catch (error) {
    const failure = isAppError(error) ? FAILURES[error.code] : undefined;
    if (failure === undefined || !isAppError(error)) throw error;
    return { failure, text: error.message };
  }
}

type Said = Pick<SendCommand, 'clientMsgId' | 'type' | 'content' | 'metadata' | 'attachmentId'>;

/** A file is a message of its own before the text that it came with (gateway.md §8.1). */
function fileOf({ _id, sessionId, tries }: GatewayExecution, { attachmentId }: TurnFile, index: number): Said {
  return {
    clientMsgId: `${turnClientMsgId(_id, tries?.attempt)}:file:${index}`,
    type: 'file',
    content: JSON.stringify({ attachment_id: attachmentId }),
    metadata: JSON.stringify({ gateway: { v: 1, execution_id: _id, session_id: sessionId } }),
    attachmentId,
  };
}

/** A file that nothing referred to for a week is removed: what it came with is not held up by it. */
function unlessGone(error: unknown): void {
  if (!isAppError(error) || error.code !== 'ATTACHMENT_NOT_FOUND') throw error;
}

/** What the agent is told of the turn (gateway.md §8.1); only the gateway can send it from a guest's handle. */
async function metadataOf(database: Database, execution: GatewayExecution, session: GatewaySession): Promise<object> {
  return {
    v: 1,
    execution_id: execution._id,
    session_id: session._id,
    channel: execution.channel,
    stream: execution.wantsStream,
    deadline_at: execution.deadlineAt.toISOString(),
    attempt: execution.tries?.attempt ?? 1,
    max_attempts: execution.tries?.max ?? 1,
    user: await describeUser(database, session, execution.agentId),
    ...(Object.keys(execution.hints).length === 0 ? {} : { hints: execution.hints }),
    ...(execution.files === undefined ? {} : { files: execution.files.map(wireFile) }),
    ...(execution.teamPart === undefined ? {} : { team: teamOf(execution.teamPart) }),
  };
}

/** What an agent is told of whom it has to do with (gateway.md §8.1). */
export async function describeUser(database: Database, session: GatewaySession, agentId: string): Promise<object> {
  const { ownerId } = session;
  const [guest, claim] = await Promise.all([
    database.agents.findOne({ _id: session.guestId }, { ...READ, projection: { displayName: 1 } }),
    ownerId === null ? null : database.claims.findOne({ _id: agentId, ownerId }, READ),
  ]);
  return {
    id: userIdOf(session),
    name: guest?.displayName ?? null,
    kind: userKindOf(session, claim !== null),
    is_owner: claim !== null,
    verified_email: session.verifiedEmail ?? null,
  };
}

const teamOf = ({ teamId, name, mode, round, rounds, role, transcript }: TeamPart): object => ({
  team_id: teamId,
  name,
  mode,
  round,
  rounds,
  role,
  transcript: wireTranscript(transcript),
});

function userKindOf({ ownerId, kind }: GatewaySession, isOwner: boolean): 'owner' | 'account' | 'visitor' | 'payer' {
  if (ownerId !== null) return isOwner ? 'owner' : 'account';
  return kind === 'paid' ? 'payer' : 'visitor';
}

/** The same for one user in all sessions with one agent, and another one with another agent: agents cannot compare notes. */
function userIdOf({ principal, agentId, ownerId }: GatewaySession): string {
  const hash = createHash('sha256').update(principal).update('\0').update(agentId).digest('base64url');
  return `${ownerId === null ? 'vis' : 'usr'}_${hash.slice(0, 16)}`;
}
