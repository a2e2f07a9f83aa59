import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { mergeHidden, type SeqRange } from '../../domain/history';
import { settle } from '../../domain/reading';
import { envelopesOf, type Message } from '../schema/collections/messages';
import { hiddenRangeId, readStateId, type HiddenRange } from '../schema/collections/read-states';
import type { Caller } from '../schema/prove-caller';
import type { Database } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { findHiddenBefore } from './hidden';
import { findParticipation, findReadState } from './participation';
import { findMessage } from './read-messages';
import { commitReading } from './reading';
import { untilCommitted } from '../schema/conflicts';

/**
 * Hides one message from `agentId` for ever (messaging.md §10.2): out of history, sync, previews and unread counts; a
 * stored envelope becomes delivered. Repeating it changes nothing. Hides and reads of one agent in one conversation
 * write its read state, so that they come one after the other and ranges never overlap. With `caller` the commit proves
 * that the agent's key is the one of its call.
 * @throws AppError MESSAGE_NOT_FOUND when the agent neither sent it, nor received it, nor may see it now
 */
export async function hideMessageFor(
  database: Database,
  agentId: string,
  messageId: string,
  at: Date,
  caller?: Caller,
): Promise<void> {
  const message = await findMessage(database, messageId);
  const { conversationId, seq } = message;
  const attempt = async () => {
    const place = await findPlace(database, agentId, message);
    const envelope = await database.envelopes.findOne(envelopesOf(agentId, conversationId, seq), {
      ...SAFE_READ,
    });
    const isTheirs =
      message.senderId === agentId || envelope !== null || (place.joinedSeq !== null && seq >= place.joinedSeq);
    if (!isTheirs) throw new AppError('MESSAGE_NOT_FOUND');
    const near = (await findHiddenBefore(database, { agentId, conversationId }, { seq: seq + 1, limit: 2 })).filter(
      ({ to }) => to >= seq - 1,
    );
    const merged = mergeHidden(seq, near);
    if (merged === null) return;
    const rows = envelope === null ? [] : [envelope];
    const after = settle(place.reader, place.joinedSeq, rows);
    await commitReading(database, { before: place.reader, after, rows, kind: 'hide', at, caller }, (session) =>
      replaceRanges(database, near, { agentId, conversationId, ...merged }, session),
    );
  };
  await database.inTurnOf(readStateId(agentId, conversationId), () => untilCommitted(attempt));
}

async function findPlace(database: Database, agentId: string, { conversationId }: Message) {
  const participation = await findParticipation(database, agentId, conversationId);
  if (participation?.state === 'active') return { reader: participation.reader, joinedSeq: participation.joinedSeq };
  return { reader: await findReadState(database, agentId, conversationId), joinedSeq: null };
}

async function replaceRanges(
  database: Database,
  old: HiddenRange[],
  range: Omit<HiddenRange, '_id'> & SeqRange,
  session: ClientSession,
): Promise<void> {
  const _id = hiddenRangeId(range.agentId, range.conversationId, range.to);
  if (old.length > 0) await database.hiddenRanges.deleteMany({ _id: { $in: old.map(({ _id }) => _id) } }, { session });
  await database.hiddenRanges.insertOne({ _id, ...range }, { session });
}
