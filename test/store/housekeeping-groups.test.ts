import { groupGuardId } from '../../domain/group';
import { countersOf } from '../support/backlog';
import { settleWrittenOff } from '../../store/inbox/written-off';
import { expireUndelivered } from '../../store/housekeeping/expire-undelivered';
import { removeOldMessages } from '../../store/housekeeping/remove-old-messages';
import type { Step, StepInput } from '../../store/housekeeping/step';
import type { TestAgent } from '../support/agents';
import { callsOf, seqsOf } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { eventOf, groupCalls } from '../support/groups';
import { useStack } from '../support/use-stack';

const DAY_MS = 86_400_000;
const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);

/** Housekeeping touches the rows of hundreds of members behind their backs: what it gets wrong nobody can repair. */
describe('retention and undelivered TTL in groups', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const api = groupCalls(stack, database);

  async function run(sweep: (input: StepInput) => Promise<Step>): Promise<number> {
    let changed = 0;
    let cursor: string | null = null;
    do {
      const step: Step = await sweep({ cursor, now: new Date() });
      changed += step.changed;
      cursor = step.cursor;
    } while (cursor !== null);
    return changed;
  }
  const retain = () => run((input) => removeOldMessages({ database }, input));
  const expire = () => run((input) => expireUndelivered({ database, ttlDays: 90 }, input));

  const callsFor = ({ agent, apiKey }: TestAgent) =>
    callsOf(url(), { id: agent._id, handle: agent.handle, key: apiKey });
  const exact = (who: TestAgent, groupIds: string[]) => expectExactCounters(database, { id: api.idOf(who) }, groupIds);
  const backlogOf = (who: TestAgent) => countersOf(database, { id: api.idOf(who) });

  /** Everything of the group up to `seq` happened so long ago. */
  async function age(groupId: string, upTo: number, days: number): Promise<void> {
    const set = { $set: { createdAt: daysAgo(days) } };
    await database.messages.updateMany({ conversationId: groupId, seq: { $lte: upTo } }, set);
    await database.envelopes.updateMany({ conversationId: groupId, seq: { $lte: upTo } }, set);
    await database.guards.updateOne({ _id: groupGuardId(groupId) }, set);
  }

  /** Two joins (seq 1, 2), then `count` messages of the creator. */
  async function spokenTo(count: number) {
    const [me, bob, eve] = await api.three();
    const groupId = await api.groupOf(me, bob, eve);
    for (let index = 0; index < count; index += 1) await api.send(me, groupId, `text ${index}`);
    return { me, bob, eve, groupId };
  }

  test('messages of more than 12 months go for every member, whatever it did with them; seq and members stay', async () => {
    const { me, bob, eve, groupId } = await spokenTo(6);
    const calls = callsFor(bob);
    const rows = await calls.history(groupId, '?after_seq=2');
    await calls.read(String(rows[0]?.id));
    await calls.hide(String(rows[1]?.id));
    await calls.ack((await calls.sync())[2]?.['delivery_id']);
    await api.send(eve, groupId, 'an answer');
    await age(groupId, 5, 400);
    expect(await retain()).toBe(5);
    for (const who of [me, bob, eve]) {
      expect(seqsOf(await callsFor(who).history(groupId))).toEqual([9, 8, 7, 6]);
      await exact(who, [groupId]);
    }
    expect(seqsOf(await calls.sync())).toEqual([6, 7, 8, 9]);
    const listed = (await calls.conversations()).find(({ id }) => id === groupId);
    expect(listed).toMatchObject({ unread_count: 4, oldest_unread_seq: 6, newest_unread_seq: 9 });
    expect(await database.envelopes.countDocuments({ conversationId: groupId, seq: { $lte: 5 } })).toBe(0);
    expect(await database.hiddenRanges.countDocuments({ conversationId: groupId })).toBe(0);
    expect((await api.send(me, groupId, 'goes on')).body.seq).toBe(10);
    expect(await retain()).toBe(0);
  });

  test('a group of which nothing is left goes on with the next seq, and its list entry has no preview', async () => {
    const { me, bob, groupId } = await spokenTo(2);
    await age(groupId, 4, 400);
    expect(await retain()).toBe(4);
    const calls = callsFor(bob);
    expect([await calls.history(groupId), await calls.sync()]).toEqual([[], []]);
    expect((await calls.conversations()).find(({ id }) => id === groupId)).toMatchObject({
      unread_count: 0,
      oldest_unread_seq: null,
      last_message_preview: null,
    });
    await exact(bob, [groupId]);
    expect((await api.send(me, groupId, 'again')).body.seq).toBe(5);
    expect(seqsOf(await calls.sync())).toEqual([5]);
  });

  test.each(['before', 'after'] as const)(
    'rows of a member who left are counted once, also when it came back: the flow %s the removal',
    async (order) => {
      const { me, bob, eve, groupId } = await spokenTo(5);
      await api.leave(bob, groupId);
      await api.leave(eve, groupId);
      await api.add(me, groupId, eve);
      const { seq } = (await api.send(me, groupId, 'for who came back')).body;
      if (order === 'before') await settleWrittenOff(database, api.idOf(bob));
      await age(groupId, 7, 400);
      expect(await retain()).toBe(7);
      for (const who of [bob, eve]) {
        await settleWrittenOff(database, api.idOf(who));
        const { counted, stored } = await backlogOf(who);
        expect(counted).toBe(stored);
      }
      expect(await database.envelopes.countDocuments({ recipientId: api.idOf(bob), status: 'stored' })).toBe(0);
      await exact(eve, [groupId]);
      expect(seqsOf(await callsFor(eve).sync()).at(-1)).toBe(seq);
    },
  );

  test('the notice of a deleted group is the last thing that goes, with everything before it', async () => {
    const { me, bob, groupId } = await spokenTo(3);
    expect((await api.deleteGroup(me, groupId)).status).toBe(200);
    expect((await api.sync(bob)).map(eventOf)).toMatchObject([{ event: 'group_deleted' }]);
    await age(groupId, 5, 400);
    await retain();
    expect((await api.sync(bob)).map(eventOf)).toMatchObject([{ event: 'group_deleted' }]);
    await age(groupId, 6, 400);
    await retain();
    await settleWrittenOff(database, api.idOf(bob));
    expect([await api.sync(bob), await backlogOf(bob)]).toEqual([[], { counted: 0, stored: 0 }]);
    expect(await database.envelopes.countDocuments({ conversationId: groupId })).toBe(0);
    expect((await api.get(bob, groupId)).status).toBe(410);
  });

  test('what was undelivered for 90 days leaves sync and backlog, and stays unread and readable', async () => {
    const { bob, eve, groupId } = await spokenTo(4);
    const [ofBob, ofEve] = [callsFor(bob), callsFor(eve)];
    await ofEve.ack((await ofEve.sync()).at(-1)?.['delivery_id']);
    const oldest = (await ofBob.sync()).find(({ seq }) => seq === 3);
    await age(groupId, 4, 91);
    await expire();
    expect(seqsOf(await ofBob.sync())).toEqual([5, 6]);
    const states = (rows: { seq: number; status?: unknown }[]) => rows.map(({ seq, status }) => [seq, status]);
    expect(states(await ofBob.history(groupId, '?after_seq=2'))).toEqual([
      [3, 'expired'],
      [4, 'expired'],
      [5, 'stored'],
      [6, 'stored'],
    ]);
    expect(states(await ofEve.history(groupId, '?after_seq=3')).every(([, status]) => status === 'delivered')).toBe(
      true,
    );
    for (const who of [bob, eve]) await exact(who, [groupId]);
    expect((await ofBob.conversations()).find(({ id }) => id === groupId)).toMatchObject({ oldest_unread_seq: 1 });
    expect((await ofBob.read(String(oldest?.id))).body).toMatchObject({ status: 'read' });
    await exact(bob, [groupId]);
  });

  test('what was lost with a group does not expire too: it is counted once, whichever comes first', async () => {
    const { bob, eve, groupId } = await spokenTo(4);
    await age(groupId, 6, 91);
    await Promise.all([api.leave(bob, groupId), expire()]);
    await api.leave(eve, groupId);
    await expire();
    for (const who of [bob, eve]) {
      await settleWrittenOff(database, api.idOf(who));
      expect(await backlogOf(who)).toEqual({ counted: 0, stored: 0 });
    }
  });

  test('sends, acks, reads and a leave beside both sweeps leave counters that equal the rows', async () => {
    const { me, bob, eve, groupId } = await spokenTo(12);
    await age(groupId, 6, 400);
    await database.envelopes.updateMany(
      { conversationId: groupId, seq: { $gt: 6, $lte: 9 } },
      { $set: { createdAt: daysAgo(100) } },
    );
    const calls = callsFor(bob);
    const rows = await calls.sync();
    await Promise.all([
      retain(),
      expire(),
      ...[1, 4, 8, 10].map((at) => calls.ack(rows[at]?.['delivery_id'])),
      ...[2, 6, 9, 11].map((at) => calls.read(String(rows[at]?.id))),
      ...[0, 1, 2, 3].map((index) => api.send(me, groupId, `meanwhile ${index}`)),
      api.leave(eve, groupId),
    ]);
    await exact(bob, [groupId]);
    await exact(me, [groupId]);
    await settleWrittenOff(database, api.idOf(eve));
    const { counted, stored } = await backlogOf(eve);
    expect([counted, stored]).toEqual([0, 0]);
  });
});
