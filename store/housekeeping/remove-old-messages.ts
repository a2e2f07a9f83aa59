import { retentionCutoff } from '../../domain/retention';
import { settle } from '../../domain/reading';
import type { GroupGuard } from '../../domain/group';
import type { PairGuard } from '../../domain/guards';
import { envelopesOf, type Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { findParticipation, findReadState } from '../conversations/participation';
import { commitReading } from '../conversations/reading';
import { untilCommitted } from '../schema/conflicts';
import type { Step, StepInput } from './step';

/** Conversations that one step looks at, messages that go together, and envelopes of one transaction. */
const CONVERSATIONS = 100;
const MESSAGES = 200;
const ENVELOPES = 500;

/** Where the guard documents of conversations stand, in the order in which they are gone through. */
const RANGES = [
  { from: 'group:', to: 'group;' },
  { from: 'pair:', to: 'pair;' },
];

/** What of a guard tells which conversation it guards. */
type ConversationGuard = Partial<Pick<PairGuard, 'conversationId'> & Pick<GroupGuard, 'groupId'>> & {
  _id: string;
  createdAt: Date | null;
};

/**
 * Removes messages that are older than the retention (messaging.md §15), with their envelopes and hides; conversations
 * and their next `seq` stay. Goes through all conversations; one without an old message costs one look at its oldest,
 * a young one none. No index is kept for this alone: sends would pay for it.
 */
export async function removeOldMessages(
  { database }: { database: Database },
  { cursor, now }: StepInput,
): Promise<Step> {
  const range = RANGES.find(({ to }) => (cursor ?? '') < to);
  if (range === undefined) return { cursor: null, changed: 0 };
  const guards = await database.guards
    .find<ConversationGuard>(
      { _id: { $gt: cursor === null || cursor < range.from ? range.from : cursor, $lt: range.to } },
      {
        projection: { conversationId: 1, groupId: 1, createdAt: 1 },
        sort: { _id: 1 },
        limit: CONVERSATIONS,
        ...READ,
      },
    )
    .toArray();
  const cutoff = retentionCutoff(now);
  let changed = 0;
  for (const guard of guards) {
    if (guard.createdAt !== null && guard.createdAt < cutoff) changed += await clean(database, guard, cutoff, now);
  }
  const isLast = guards.length < CONVERSATIONS;
  return { cursor: isLast ? nextRange(range.to) : (guards.at(-1)?._id ?? null), changed };
}

/** The end of one range is the cursor of the next; after the last there is none. */
function nextRange(end: string): string | null {
  return end === RANGES.at(-1)?.to ? null : end;
}

async function clean(database: Database, guard: ConversationGuard, cutoff: Date, now: Date): Promise<number> {
  const conversationId = guard.conversationId ?? guard.groupId;
  if (conversationId === undefined || conversationId === null) return 0;
  let removed = 0;
  for (;;) {
    const due = await findOld(database, conversationId, cutoff);
    const last = due.at(-1);
    if (last === undefined) return removed;
    for await (const agentId of participantsOf(database, guard)) {
      await forget(database, { agentId, conversationId, upTo: last.seq }, now);
    }
    // Last of all: a crash before this leaves messages by which the rest is found again.
    removed += (await database.messages.deleteMany({ _id: { $in: due.map(({ _id }) => _id) } })).deletedCount;
  }
}

/** Time never runs against `seq`, so what is old is a beginning of the conversation. */
async function findOld(
  database: Database,
  conversationId: string,
  cutoff: Date,
): Promise<Pick<Message, '_id' | 'seq' | 'createdAt'>[]> {
  const oldest = await database.messages
    .find({ conversationId }, { projection: { seq: 1, createdAt: 1 }, sort: { seq: 1 }, limit: MESSAGES, ...READ })
    .toArray();
  return oldest.filter(({ createdAt }) => createdAt < cutoff);
}

/** Everybody who was ever in the conversation. */
async function* participantsOf(database: Database, { _id, groupId }: ConversationGuard): AsyncGenerator<string> {
  if (groupId === undefined) {
    yield* _id.split(':').slice(1);
    return;
  }
  const rows = database.memberships.find(
    { _id: { $gt: `${groupId}:`, $lt: `${groupId};` } },
    { projection: { agentId: 1 }, batchSize: 500, maxTimeMS: 30_000 },
  );
  for await (const { agentId } of rows) yield agentId;
}

/**
 * Removes one participant's envelopes and hides up to a message. As if it had hidden the messages: what was unread is
 * settled and what was stored leaves the backlog, in the transaction that removes the rows.
 */
async function forget(
  database: Database,
  place: { agentId: string; conversationId: string; upTo: number },
  at: Date,
): Promise<void> {
  const { agentId, conversationId, upTo } = place;
  let left = ENVELOPES;
  while (left === ENVELOPES) {
    left = await untilCommitted(async () => {
      const participation = await findParticipation(database, agentId, conversationId);
      const isActive = participation?.state === 'active';
      const before = isActive ? participation.reader : await findReadState(database, agentId, conversationId);
      const rows = await database.envelopes
        .find(envelopesOf(agentId, conversationId, { $lte: upTo }), {
          sort: { seq: 1 },
          limit: ENVELOPES,
          ...SAFE_READ,
        })
        .toArray();
      if (rows.length === 0) return 0;
      const after = settle(before, isActive ? participation.joinedSeq : null, rows);
      const ids = rows.map(({ _id }) => _id);
      await commitReading(database, { before, after, rows, kind: 'hide', at }, async (session) => {
        await database.envelopes.deleteMany({ _id: { $in: ids } }, { session });
      });
      return rows.length;
    });
  }
  await database.hiddenRanges.deleteMany({ agentId, conversationId, to: { $lte: upTo } });
}
