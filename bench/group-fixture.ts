import { setTimeout as sleep } from 'node:timers/promises';
import type { Collection } from 'mongodb';
import { groupGuardId, type GroupMember } from '../domain/group';
import { inboxInId, type InboxInGuard } from '../domain/guards';
import { membershipId } from '../store/schema/collections/groups';
import { envelopeId, envelopes, type Envelope } from '../store/schema/collections/messages';
import type { Database } from '../store/schema/database';
import { createGroup } from '../store/groups/group-changes';
import type { BenchAgent } from './stack';

/** Rows of one bulk insert. */
const BULK = 5_000;

/** Makes a group with all of `agents` in it as their joins would have left it, but without the messages that tell of them. */
export async function makeGroup(database: Database, agents: BenchAgent[]): Promise<string> {
  const creator = await database.agents.findOne({ _id: agents[0]?.id ?? '' });
  if (creator === null) throw new Error('a group needs its creator');
  const facts = { name: 'bench', description: null, avatarUrl: null, at: new Date() };
  const { groupId, createdAt: joinedAt, members: first } = await createGroup(database, creator, facts);
  const others = agents.slice(1).map(({ id: agentId, handle }): GroupMember => {
    return { agentId, handle, role: 'member', joinedAt, joinedSeq: 1 };
  });
  await database.memberships.insertMany(
    others.map(({ agentId, role, joinedSeq }) => ({
      _id: membershipId(groupId, agentId),
      groupId,
      agentId,
      role,
      joinedAt,
      joinedSeq,
      leftAt: null,
    })),
  );
  const members = [...first, ...others];
  await database.guards.updateOne(
    { _id: groupGuardId(groupId) },
    { $set: { members, memberCount: members.length }, $inc: { v: 1 } },
  );
  return groupId;
}

/** An envelope as a send of the group would write it. */
export function envelopeOf(
  place: Pick<Envelope, 'recipientId' | 'position' | 'conversationId' | 'seq' | 'messageId' | 'senderId'>,
): Envelope {
  return {
    _id: envelopeId(place.recipientId, place.position),
    ...place,
    status: 'stored',
    unread: 'shown',
    createdAt: new Date(),
  };
}

/** Gives each of `members` `each` undelivered envelopes of the group, counters included; returns how many there are. */
export async function loadUndelivered(
  database: Database,
  groupId: string,
  members: BenchAgent[],
  each: number,
): Promise<number> {
  let rows: Envelope[] = [];
  const flush = async (): Promise<void> => {
    // Bulk loading needs no majority per step: the counters below are written with it, after all rows.
    if (rows.length > 0) await database.envelopes.insertMany(rows, { ordered: false, writeConcern: { w: 1 } });
    rows = [];
  };
  for (const { id: recipientId } of members) {
    const first = await positionOf(database, recipientId);
    for (let index = 0; index < each; index += 1) {
      const seq = index + 1;
      rows.push(
        envelopeOf({
          recipientId,
          position: first + index,
          conversationId: groupId,
          seq,
          messageId: `msg_filler${seq}`,
          senderId: 'agt_filler',
        }),
      );
      if (rows.length === BULK) await flush();
    }
  }
  await flush();
  await database.guards.updateMany(
    { _id: { $in: members.map(({ id }) => inboxInId(id)) } },
    { $inc: { nextPosition: each, enqueued: each, v: 1 } },
  );
  await database.guards.updateOne({ _id: groupGuardId(groupId) }, { $set: { nextSeq: each + 1 }, $inc: { v: 1 } });
  return members.length * each;
}

async function positionOf(database: Database, agentId: string): Promise<number> {
  const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(agentId) });
  if (inbox === null) throw new Error('no such inbox');
  return inbox.nextPosition;
}

/** An empty collection with the validator and the indexes of envelopes, for the raw figure beside them. */
export async function makeRawEnvelopes(database: Database): Promise<Collection<Envelope>> {
  const name = 'rawEnvelopes';
  const raw = await database.db.createCollection<Envelope>(name, { validator: { $jsonSchema: envelopes.schema } });
  await raw.createIndexes(envelopes.indexes);
  return raw;
}

/** Has a checkpoint made, so that the next figure is not that of writing out what the ones before it left. */
export async function writeOut(database: Database): Promise<void> {
  await database.client.db('admin').command({ fsync: 1 });
}

/** Waits until the flow of a deletion wrote down how it ended. */
export async function untilDeletionEnded(database: Database, groupId: string): Promise<void> {
  for (;;) {
    const row = await database.groupDeletions.findOne({ _id: groupId }, { projection: { outcome: 1 } });
    if (row?.outcome !== undefined) return;
    await sleep(100);
  }
}

/** Waits until everything that these agents got was handed over. */
export async function untilDrained(database: Database, agents: BenchAgent[]): Promise<void> {
  const stored = { recipientId: { $in: agents.map(({ id }) => id) }, status: 'stored' } as const;
  while ((await database.envelopes.countDocuments(stored, { limit: 1 })) > 0) {
    await sleep(100);
  }
}
