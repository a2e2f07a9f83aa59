import type { ClientSession } from 'mongodb';
import { TURN_ANSWER_BYTES_MAX } from '../../contract/limits';
import { beginningOf } from '../../domain/cuts';
import { goesOn, partOf } from '../../domain/split-replies';
import { clientKey } from '../schema/client-keys';
import type { GatewayExecution, GatewaySession } from '../schema/collections/gateway';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import {
  correlateReply,
  OPEN_STATUSES,
  readMarks,
  responseOf,
  type ReplyEffect,
  type ReplyMarks,
} from '../../domain/turns';
import { readReport, type TurnReport } from '../../domain/turn-report';
import { talkOf } from '../../domain/voice-session';
import { READ, WRITE } from '../schema/reads';
import { inSlotsOf } from './agent-slots';
import { answerWith, isTooMuch, TURN_REPLIES_MAX, type AnswerPart } from './answers';
import { noteHandedOverIn } from './handed-over';
import { beginNextTry } from './tries';
import { endTurnIn, type EndedTurn } from './turns';
import { countLine } from './voice-lines';

/** What makes the sending of a turn's message repeatable. */
export const turnClientMsgId = (executionId: string, attempt = 1): string => `${executionId}:${attempt}`;

export interface SettledReply {
  /** The turn that it belongs to. Null: of none, or it was settled before. */
  executionId: string | null;
  ended: EndedTurn | null;
}

const OF_NONE: SettledReply = { executionId: null, ended: null };

/**
 * Settles to which turns the messages of agents to a guest belong that are not settled yet, in their order: the first of two
 * answers is the one that counts, whoever settles them. Of rows that are seen none before them is missing: they commit in
 * the order of `seq`.
 */
export function settleReplies(database: Database, guestId: string): Promise<SettledReply[]> {
  return database.inTurnOf(`replies:${guestId}`, async () => {
    const rows = await database.outbox
      .find({ kind: 'turn.replied', guestId }, { ...READ, sort: { seq: 1 }, limit: REPLIES_MAX })
      .toArray();
    const replies = rows.flatMap((row) => (row.kind === 'turn.replied' ? [row] : []));
    const messageIds = replies.map(({ messageId }) => messageId);
    // As new as the rows, with which they were committed: an older look would miss some, and drop their rows for good.
    const messages = await database.messages.find({ _id: { $in: messageIds } }, READ).toArray();
    const byId = new Map(messages.map((message) => [message._id, message]));
    const settled: SettledReply[] = [];
    for (const row of replies) settled.push(await settleReply(database, row, byId.get(row.messageId)));
    return settled;
  });
}

/** Messages that are settled together; the others with the next look. */
const REPLIES_MAX = 100;

/**
 * Settles one message: ends its turn, continues it, or keeps the message beside one that has ended. All in one transaction
 * with the row of the outbox that asked for it, so however many processes do it, and wherever they die, it is done once.
 */
async function settleReply(
  database: Database,
  { _id: rowId, guestId }: { _id: string; guestId: string },
  message: Message | undefined,
): Promise<SettledReply> {
  if (message === undefined) {
    // Its conversation is gone.
    await database.outbox.deleteOne({ _id: rowId }, WRITE);
    return OF_NONE;
  }
  const isOfGuest = message.senderId === guestId;
  const agentId = isOfGuest ? (message.recipientId ?? '') : message.senderId;
  return inSlotsOf(database, agentId, async (transaction) => {
    const { deletedCount } = await database.outbox.deleteOne({ _id: rowId }, { session: transaction });
    if (deletedCount === 0) return OF_NONE;
    const { createdAt, conversationId } = message;
    // The parse point of what `newMessage` wrote.
    const metadata = JSON.parse(message.metadata) as Record<string, unknown>;
    const session = await database.gatewaySessions.findOneAndUpdate(
      { guestId, agentId },
      {
        // The parts of a split reply are one message, whose last one makes it.
        $inc: { messageCount: goesOn(partOf(metadata)) ? 0 : 1 },
        $max: { lastMessageAt: createdAt, activeAt: createdAt },
        // In a talk the agent may be the first to speak.
        $set: { conversationId },
      },
      { session: transaction },
    );
    if (session === null) return OF_NONE;
    const talk = talkOf(metadata);
    if (talk !== null)
      await countLine(database, { voiceId: talk, sessionId: session._id, seq: message.seq }, transaction);
    // What is said in a talk is no answer to what was written.
    if (talk !== null || isOfGuest) return OF_NONE;
    const marks = readMarks(metadata);
    const { turns, unnoted, open } = await findTurns(database, session, marks, transaction);
    const effect = correlateReply(marks, turns);
    if (effect.kind === 'unsolicited') return OF_NONE;
    // Who handed it over may be dead, and nobody hands over a turn that has ended: this is the last chance to note it.
    const asked = unnoted.get(effect.executionId);
    if (asked !== undefined) await noteHandedOverIn(database, asked.execution, asked.message, transaction);
    const settled = { message, marks, report: readReport(metadata), known: open.get(effect.executionId) };
    const ended = await apply(database, effect, settled, transaction);
    return { executionId: effect.executionId, ended };
  });
}

/** The open turns of the session and the one that the message names, oldest first, each with its message's id. */
async function findTurns(
  database: Database,
  { _id: sessionId, guestId }: GatewaySession,
  { executionId, replyTo }: ReplyMarks,
  transaction: ClientSession,
) {
  const open = await database.gatewayExecutions
    .find({ sessionId, status: { $in: [...OPEN_STATUSES] } }, { session: transaction, sort: { queuedAt: 1, _id: 1 } })
    .toArray();
  const known = new Map(open.map((turn) => [turn._id, turn]));
  const named = [
    ...(executionId === null || known.has(executionId) ? [] : [{ _id: executionId, sessionId }]),
    ...(replyTo === null
      ? []
      : [
          { sessionId, messageId: replyTo },
          { sessionId, 'tries.messageIds': replyTo },
        ]),
  ];
  const ended =
    named.length === 0
      ? []
      : await database.gatewayExecutions.find({ $or: named }, { session: transaction, limit: 2 }).toArray();
  const unnoted = await findUnnoted(database, guestId, open, transaction);
  const turns = [...ended.filter(({ _id }) => !known.has(_id)), ...open].map((turn) => ({
    executionId: turn._id,
    status: turn.status,
    messageId: turn.messageId ?? unnoted.get(turn._id)?.message._id ?? null,
    ...(turn.tries === undefined ? {} : { earlierMessageIds: turn.tries.messageIds }),
  }));
  return { turns, unnoted, open: known };
}

type Asked = Pick<Message, '_id' | 'clientKey' | 'conversationId' | 'seq' | 'createdAt'>;

/** An agent may answer before it was written down that it has the message: that the message is there says it. */
async function findUnnoted(
  database: Database,
  guestId: string,
  open: GatewayExecution[],
  transaction: ClientSession,
): Promise<Map<string, { execution: GatewayExecution; message: Asked }>> {
  const unnoted = open.filter(({ messageId }) => messageId === null);
  if (unnoted.length === 0) return new Map();
  const byKey = new Map(unnoted.map((turn) => [keyOf(guestId, turn).toString('base64'), turn] as const));
  const keys = unnoted.map((turn) => keyOf(guestId, turn));
  const found = await database.messages
    .find<Asked>(
      { clientKey: { $in: keys } },
      { session: transaction, projection: { clientKey: 1, conversationId: 1, seq: 1, createdAt: 1 } },
    )
    .toArray();
  return new Map(
    found.flatMap((message) => {
      const execution = byKey.get(message.clientKey.toString('base64'));
      return execution === undefined ? [] : [[execution._id, { execution, message }] as const];
    }),
  );
}

const keyOf = (guestId: string, { _id, tries }: GatewayExecution) =>
  clientKey(guestId, turnClientMsgId(_id, tries?.attempt));

async function apply(
  database: Database,
  effect: Exclude<ReplyEffect, { kind: 'unsolicited' }>,
  settled: { message: Message; marks: ReplyMarks; report: TurnReport; known: GatewayExecution | undefined },
  transaction: ClientSession,
): Promise<EndedTurn | null> {
  const { executionId } = effect;
  const { message, marks, report, known } = settled;
  const { _id: messageId, createdAt: at } = message;
  // The parse point of what `newMessage` wrote.
  const content = JSON.parse(message.content) as { text?: unknown; data?: unknown; attachment_id?: unknown };
  const text = responseOf(content);
  const attachmentId = typeof content.attachment_id === 'string' ? content.attachment_id : null;
  const part = { text, messageId, isContinuation: marks.isContinuation, attachmentId };
  switch (effect.kind) {
    case 'completes':
      return endTurnIn(database, executionId, { status: 'completed', part, report, at }, transaction, known);
    case 'fails': {
      const { code: agentCode, message: said, isRetryable } = effect.error;
      if (isRetryable && (await tryOnceMore(database, executionId, at, transaction))) return null;
      const error = { code: 'agent_error', message: said || text, agentCode } as const;
      return endTurnIn(database, executionId, { status: 'failed', error, report, at }, transaction, known);
    }
    case 'late':
      await keepLate(database, executionId, part, at, transaction);
      return null;
    case 'continues':
      return continueTurn(database, executionId, part, at, transaction);
  }
}

/** @returns false when the turn has no try left */
async function tryOnceMore(
  database: Database,
  executionId: string,
  at: Date,
  transaction: ClientSession,
): Promise<boolean> {
  const execution = await database.gatewayExecutions.findOne({ _id: executionId }, { session: transaction });
  return execution !== null && beginNextTry(database, execution, at, transaction);
}

/** The first answer after the end is shown beside it, with all of its parts; history has the others, too. */
async function keepLate(
  database: Database,
  executionId: string,
  { text, messageId, isContinuation }: AnswerPart,
  at: Date,
  transaction: ClientSession,
): Promise<void> {
  const execution = await database.gatewayExecutions.findOne({ _id: executionId }, { session: transaction });
  if (execution === null || execution.replies.length >= TURN_REPLIES_MAX) return;
  const { late, replies } = execution;
  const isOfFirst = isContinuation && replies.filter((one) => one.isLate && one.isContinuation !== true).length === 1;
  const shown = late === undefined || isOfFirst ? beginningOf((late?.response ?? '') + text, LATE_LENGTH_MAX) : null;
  await database.gatewayExecutions.updateOne(
    { _id: executionId },
    {
      $push: { replies: { messageId, isLate: true, ...(isContinuation ? { isContinuation } : {}) } },
      ...(shown === null ? {} : { $set: { late: { response: shown, at: late?.at ?? at } } }),
    },
    { session: transaction },
  );
}

/** As much of a late answer stands beside the turn as of any. */
const LATE_LENGTH_MAX = TURN_ANSWER_BYTES_MAX;

/**
 * A part of the answer: shown to those who watch, while the turn stays open.
 * @returns its end, when the answer is too large with it
 */
async function continueTurn(
  database: Database,
  executionId: string,
  part: AnswerPart,
  at: Date,
  transaction: ClientSession,
): Promise<EndedTurn | null> {
  const execution = await database.gatewayExecutions.findOne({ _id: executionId }, { session: transaction });
  if (execution === null) return null;
  // It cannot have the part, and says so by failing.
  if (isTooMuch(execution, part))
    return endTurnIn(database, executionId, { status: 'completed', part, at }, transaction);
  const { fields, events } = answerWith(execution, part, at);
  const lastEvent = execution.lastEvent + events.length;
  await database.gatewayExecutions.updateOne(
    { _id: executionId },
    { $set: { ...fields, status: 'running', lastEvent } },
    { session: transaction },
  );
  if (events.length > 0) await database.gatewayEvents.insertMany(events, { session: transaction });
  return null;
}
