import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { TURN_QUEUE_RETRY_MS, TURNS_PER_SESSION_MAX } from '../../contract/limits';
import type { TurnFile } from '../../domain/turn-files';
import { callsOf, keptCalls, type TurnReport, type TurnUsage } from '../../domain/turn-report';
import { isSilent, OPEN_STATUSES, rankOf, type TurnStatus } from '../../domain/turns';
import { newGatewayId, newOutboxId } from '../../platform/ids';
import { retry } from '../../platform/retry';
import type { GatewayExecution, GatewaySession, SessionKind } from '../schema/collections/gateway';
import { isDuplicateKey } from '../schema/conflicts';
import { withTransactionBy, type Caller } from '../schema/prove-caller';
import { withTransaction, type Database } from '../schema/database';
import { READ } from '../schema/reads';
import { answerWith, isTooMuch, type AnswerPart } from './answers';
import { enterAgent, inSlotsOf, leaveAgent } from './agent-slots';
import { takeContact } from './contacts';
import { newEvent, readToolEvents } from './events';
import { takeLinkMessage, type LinkMessage } from './links';
import { writeReceipt, type NewReceipt } from './receipts';

/** What a user wants of an agent. */
export interface NewTurn {
  session: GatewaySession;
  channel: SessionKind;
  /** The account whose first contact with somebody else's agent it may be (`takeContact`); null: it needs no leave. */
  contactOf: string | null;
  /** The share link whose message it is (`takeLinkMessage`). Absent: none's. */
  link?: LinkMessage;
  message: string;
  /** What comes with it. Absent: nothing. */
  files?: TurnFile[];
  /** Somebody watches the answer come. */
  wantsStream: boolean;
  /** Of tasks only. */
  task?: Pick<GatewayExecution, 'tries' | 'priority' | 'metadata' | 'callback'>;
  /** The turn that it repeats. */
  retryOf?: string;
  /** Of a call with an `Idempotency-Key`. */
  receipt?: NewReceipt | null;
  hints: GatewayExecution['hints'];
  waitUntil: Date;
  deadlineAt: Date;
  now: Date;
  /** Given where it can be repeated: it is stored once. */
  id?: string;
  /** Of a team's turn (`store/gateway/team-turns.ts`). */
  team?: GatewayExecution['team'];
  teamPart?: GatewayExecution['teamPart'];
  /** The payment that it is for. */
  paymentId?: string;
}

/**
 * Makes a turn durable: its execution, its place in the session, its first event and the row that makes certain that its
 * flow is started, in one transaction. A crash before the commit leaves nothing; after it the flow hands the message over.
 * Any number at once: the write of the session's row puts them in an order and lets no more in than the limit.
 * @throws AppError SESSION_CLOSED, TURN_QUEUE_FULL, AWAITING_REPLY, LINK_NOT_FOUND
 */
export async function startTurn(database: Database, turn: NewTurn): Promise<GatewayExecution> {
  const execution = newExecution(turn);
  await whileOneIsCurrent(database, turn.session.agentId, (transaction) =>
    insertTurn(database, execution, turn, transaction),
  );
  return execution;
}

/** The execution of a turn that is not stored yet. */
export function newExecution(turn: NewTurn): GatewayExecution {
  const { session, now } = turn;
  return {
    _id: turn.id ?? newGatewayId('execution'),
    sessionId: session._id,
    agentId: session.agentId,
    guestId: session.guestId,
    principal: session.principal,
    ...(turn.link === undefined ? {} : { linkId: turn.link.linkId }),
    channel: turn.channel,
    status: 'queued',
    message: turn.message,
    ...(turn.files === undefined || turn.files.length === 0 ? {} : { files: turn.files }),
    wantsStream: turn.wantsStream,
    hints: turn.hints,
    messageId: null,
    response: null,
    replies: [],
    error: null,
    lastEvent: 1,
    queuedBehind: 0,
    queuedAt: now,
    startedAt: null,
    completedAt: null,
    waitUntil: turn.waitUntil,
    deadlineAt: turn.deadlineAt,
    rank: rankOf({ isTask: turn.channel === 'task', priority: turn.task?.priority }),
    ...turn.task,
    ...(turn.retryOf === undefined ? {} : { retryOf: turn.retryOf }),
    ...(turn.team === undefined ? {} : { team: turn.team }),
    ...(turn.teamPart === undefined ? {} : { teamPart: turn.teamPart }),
    ...(turn.paymentId === undefined ? {} : { paymentId: turn.paymentId }),
  };
}

/** `startTurn` as part of a transaction. */
export async function insertTurn(
  database: Database,
  execution: GatewayExecution,
  turn: NewTurn,
  transaction: ClientSession,
): Promise<void> {
  const { session, now, contactOf: ownerId } = turn;
  const before = await database.gatewaySessions.findOneAndUpdate(
    { _id: session._id, status: 'active', [`turns.${TURNS_PER_SESSION_MAX - 1}`]: { $exists: false } },
    { $push: { turns: execution._id }, $max: { activeAt: now } },
    { session: transaction, returnDocument: 'before' },
  );
  if (before === null) throw await refusalOf(database, session._id, transaction);
  // Its row as it is now: another session may have become the current one since it was chosen.
  if (canBeCurrent(before) && before.isCurrent !== true) await makeCurrent(database, session, transaction);
  execution.queuedBehind = before.turns.length;
  // A team has no slots: the turns of its members take those of theirs.
  if (turn.team === undefined) await takeSlot(database, execution, transaction);
  if (ownerId !== null) await takeContact(database, { ...session, ownerId }, now, transaction);
  if (turn.link !== undefined) await takeLinkMessage(database, turn.link, now, transaction);
  if (turn.receipt != null) await writeReceipt(database, turn.receipt, execution._id, now, transaction);
  await database.gatewayExecutions.insertOne(execution, { session: transaction });
  const queued = newEvent(execution, { n: 1, type: 'status', data: { status: 'queued' }, at: now });
  await database.gatewayEvents.insertOne(queued, { session: transaction });
  await database.outbox.insertOne(
    {
      _id: newOutboxId(),
      kind: turn.team === undefined ? 'turn.started' : 'team-turn.started',
      executionId: execution._id,
      createdAt: now,
    },
    { session: transaction },
  );
}

/** Chats, and a caller's talks with a team; not what stands beside them. */
const canBeCurrent = ({ kind, memberOf }: GatewaySession): boolean =>
  kind === 'chat' || (kind === 'team' && memberOf === undefined);

/** Takes a slot of the agent, or waits for one. @throws AppError TURN_QUEUE_FULL */
async function takeSlot(database: Database, execution: GatewayExecution, transaction: ClientSession): Promise<void> {
  const waitsFor = await enterAgent(database, execution, execution.queuedBehind === 0, transaction);
  // Of an attempt that had to be made again nothing is left.
  if (waitsFor === undefined) delete execution.waitsFor;
  else execution.waitsFor = waitsFor;
  if (waitsFor === 'agent') execution.queuedBehind = 1;
}

/** The session that was used last is the one that turns without a session go to. */
async function makeCurrent(database: Database, session: GatewaySession, transaction: ClientSession): Promise<void> {
  await leaveCurrent(database, session, transaction);
  await database.gatewaySessions.updateOne(
    { _id: session._id },
    { $set: { isCurrent: true } },
    { session: transaction },
  );
}

/**
 * Runs a transaction that makes a session the current one. Where there was none, two at once do not see each other: the
 * unique index lets one through, and the other runs again. In turns with all others of this process for the same agent.
 */
export function whileOneIsCurrent(
  database: Database,
  agentId: string,
  work: (transaction: ClientSession) => Promise<void>,
): Promise<void> {
  return retry(() => inSlotsOf(database, agentId, work), {
    triesMax: FIRST_ONES_MAX,
    isWorthIt: isFirstOne,
  });
}

/** Two that make the first row of its kind at once collide once. */
const FIRST_ONES_MAX = 4;
const isFirstOne = (error: unknown): boolean =>
  isDuplicateKey(error, ['principal', 'agentId']) || isDuplicateKey(error, ['_id']);

/** No session of the caller with the agent is its current one. */
export async function leaveCurrent(
  database: Database,
  { principal, agentId }: Pick<GatewaySession, 'principal' | 'agentId'>,
  transaction: ClientSession,
): Promise<void> {
  await database.gatewaySessions.updateOne(
    { principal, agentId, isCurrent: true },
    { $unset: { isCurrent: '' } },
    { session: transaction },
  );
}

async function refusalOf(database: Database, sessionId: string, transaction: ClientSession): Promise<AppError> {
  const session = await database.gatewaySessions.findOne({ _id: sessionId }, { session: transaction });
  if (session === null || session.status === 'deleted') return new AppError('SESSION_NOT_FOUND');
  return session.status === 'closed'
    ? new AppError('SESSION_CLOSED')
    : new AppError('TURN_QUEUE_FULL', { retry_after_ms: TURN_QUEUE_RETRY_MS }, TURN_QUEUE_RETRY_MS);
}

/** How a turn ends. */
export interface TurnEnd {
  status: Exclude<TurnStatus, 'queued' | 'running'>;
  /** The message that answers it. */
  part?: AnswerPart;
  /** What that message tells of how it came about. */
  report?: TurnReport;
  error?: GatewayExecution['error'];
  at: Date;
}

/** A turn that has ended: what is to be said behind the commit. */
export interface EndedTurn {
  executionId: string;
  /** The turn whose message is to be handed over now, of this session or another one with its agent, or null. */
  nextId: string | null;
}

/**
 * Ends a turn, unless it has ended: of an answer, a cancellation and the deadline at once the first commit wins. Its
 * place in the session is free with the same commit, and a row makes certain that its flow and the next turn hear of it.
 * With `caller` the commit proves that the agent's key is the one of its call.
 * @returns null when it had ended before
 */
export function endTurn(
  database: Database,
  executionId: string,
  end: TurnEnd,
  caller?: Caller,
): Promise<EndedTurn | null> {
  return withTransactionBy(database, caller, (transaction) => endTurnIn(database, executionId, end, transaction));
}

/**
 * Ends a turn whose agent has been silent for too long, decided in the transaction that ends it: a sign that comes at once
 * conflicts with it, and one of the two finds the other.
 * @returns null when it is not silent, or had ended before
 */
export function endSilentTurn(database: Database, executionId: string, at: Date): Promise<EndedTurn | null> {
  return withTransaction(database, async (transaction) => {
    const execution = await database.gatewayExecutions.findOne({ _id: executionId }, { session: transaction });
    if (execution === null || !isSilent(execution, at)) return null;
    return endTurnIn(database, executionId, { status: 'failed', error: SILENT, at }, transaction);
  });
}

const SILENT = { code: 'agent_silent', message: 'The agent took the message and has said nothing since' } as const;

/**
 * `endTurn` as part of a transaction. Whoever else writes the turn at once conflicts, and finds it as it is then.
 * @param known the turn as this transaction has read it, open
 */
export async function endTurnIn(
  database: Database,
  executionId: string,
  { status, part, report, error = null, at }: TurnEnd,
  transaction: ClientSession,
  known?: GatewayExecution,
): Promise<EndedTurn | null> {
  const execution =
    known ??
    (await database.gatewayExecutions.findOne(
      { _id: executionId, status: { $in: [...OPEN_STATUSES] } },
      { session: transaction },
    ));
  if (execution === null) return null;
  if (part !== undefined && isTooMuch(execution, part)) {
    return endTurnIn(database, executionId, { status: 'failed', error: TOO_LARGE, at }, transaction, execution);
  }
  const answer = part === undefined ? null : answerWith(execution, part, at);
  const texts = answer?.events ?? [];
  const told = await toldOf(database, execution, report, transaction);
  const n = execution.lastEvent + texts.length + 1;
  await database.gatewayExecutions.updateOne(
    { _id: executionId },
    { $set: { ...answer?.fields, ...told, status, error, completedAt: at, lastEvent: n }, $unset: { waitsFor: '' } },
    { session: transaction },
  );
  const end = newEvent(execution, { n, type: 'end', data: { status }, at });
  await database.gatewayEvents.insertMany([...texts, end], { session: transaction });
  const nextId = await leavePlaces(database, execution, transaction, told.usage);
  await database.outbox.insertOne(
    { _id: newOutboxId(), kind: 'turn.ended', executionId, nextId, createdAt: at },
    { session: transaction },
  );
  return { executionId, nextId };
}

/**
 * Frees the turn's places in its session and with its agent.
 * @param usage what it has cost, for the sums of its session
 * @returns the turn whose message is to be handed over now
 */
async function leavePlaces(
  database: Database,
  execution: GatewayExecution,
  transaction: ClientSession,
  usage?: TurnUsage,
): Promise<string | null> {
  const nextInSession = await leaveSession(database, execution, transaction, usage);
  if (execution.team !== undefined) return nextInSession;
  return leaveAgent(database, execution, nextInSession, transaction);
}

const TOO_LARGE = {
  code: 'response_too_large',
  message: 'The answer is too large',
  agentCode: 'response_too_large',
} as const;

/** What stays known of how a turn came to its end: the events of its tools go after a day. */
async function toldOf(
  database: Database,
  execution: GatewayExecution,
  report: TurnReport | undefined,
  transaction: ClientSession,
): Promise<Pick<GatewayExecution, 'tools' | 'usage'>> {
  const events = await readToolEvents(database, execution, transaction);
  const tools = keptCalls(callsOf(events), report?.toolCalls ?? []);
  const usage = report?.usage ?? null;
  return { ...(tools.length === 0 ? {} : { tools }), ...(usage === null ? {} : { usage }) };
}

/**
 * Frees the turn's place in its session, whose sums take in what the turn has cost.
 * @returns the turn that is the first from now on, if this one was
 */
async function leaveSession(
  database: Database,
  { _id: executionId, sessionId }: Pick<GatewayExecution, '_id' | 'sessionId'>,
  transaction: ClientSession,
  usage?: TurnUsage,
): Promise<string | null> {
  const before = await database.gatewaySessions.findOneAndUpdate(
    { _id: sessionId },
    { $pull: { turns: executionId }, ...(usage === undefined ? {} : sumsWith(usage)) },
    { session: transaction, returnDocument: 'before' },
  );
  return before?.turns[0] === executionId ? (before.turns[1] ?? null) : null;
}

function sumsWith({ costNanos, contextUsed, contextMax, model }: TurnUsage) {
  const last = Object.entries({ contextUsed, contextMax, model }).filter(([, value]) => value !== null);
  const $set = Object.fromEntries(last.map(([name, value]) => [`usage.${name}`, value]));
  return { $inc: { 'usage.costNanos': costNanos ?? 0 }, ...(last.length === 0 ? {} : { $set }) };
}

/**
 * The caller of an open turn waits no longer: the turn stays open, but the next one of its session need not wait for it
 * (gateway.md §9.2). Repeating it changes nothing.
 * @returns the turn whose message is to be handed over now, or null
 */
export function detachTurn(database: Database, executionId: string, at: Date): Promise<string | null> {
  return withTransaction(database, async (transaction) => {
    const execution = await database.gatewayExecutions.findOne(
      { _id: executionId, status: { $in: [...OPEN_STATUSES] } },
      { session: transaction },
    );
    // One that waits behind others keeps its place: it would be handed over out of its order.
    if (execution === null || execution.messageId === null) return null;
    const nextId = await leavePlaces(database, execution, transaction);
    if (nextId !== null) {
      await database.outbox.insertOne(
        { _id: newOutboxId(), kind: 'turn.ended', executionId, nextId, createdAt: at },
        { session: transaction },
      );
    }
    return nextId;
  });
}

/** A turn with its session, as they are now. */
export async function loadTurn(
  database: Database,
  executionId: string,
): Promise<{ execution: GatewayExecution; session: GatewaySession } | null> {
  const execution = await database.gatewayExecutions.findOne({ _id: executionId }, READ);
  const session =
    execution === null ? null : await database.gatewaySessions.findOne({ _id: execution.sessionId }, READ);
  return execution === null || session === null ? null : { execution, session };
}
