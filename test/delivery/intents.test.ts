import { readStored, findInboxIn } from '../../store/inbox/inbox';
import { createAgentReader } from '../../store/agents/agents';
import { presentRow } from '../../presenters/message';
import { deleteWebhook } from '../../store/webhooks/set-webhook';
import type { TestAgent } from '../support/agents';
import { groupCalls } from '../support/groups';
import { bodyOf, intentWorker } from '../support/intents';
import { addWebhook } from '../support/webhooks';
import { useStack } from '../support/use-stack';

describe('intents become deliveries', () => {
  const { stack, database } = useStack({ apis: 2, workers: 0 });
  const api = groupCalls(stack, database);
  const worker = intentWorker(database);

  const post = (by: TestAgent, to: TestAgent, text: string, extra: object = {}, node = 0) =>
    api.as(by, 'POST', '/v1/messages', { node, body: { to: api.handleOf(to), content: { text }, ...extra } });
  let sent = 0;
  const send = async (by: TestAgent, to: TestAgent, text: string): Promise<string> => {
    const answer = await post(by, to, text, { client_msg_id: `hook-${(sent += 1)}` }, sent % 2);
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body.id;
  };
  /** Two agents that may write to each other freely. */
  const friends = async (): Promise<[TestAgent, TestAgent]> => {
    const [a, b] = await api.two();
    await send(a, b, 'opener');
    await send(b, a, 'reply');
    return [a, b];
  };
  const told = async (who: TestAgent) => {
    await worker.expandAll();
    return (await worker.deliveriesOf(api.idOf(who))).map(bodyOf);
  };

  test('webhooks.md §5: message.new carries the message as sync shows it, once per webhook that lists it', async () => {
    const [a, b] = await friends();
    await api.drain(b);
    const [one, two] = [
      await addWebhook(database, api.idOf(b), ['message.new']),
      await addWebhook(database, api.idOf(b), ['contact.blocked', 'message.new']),
    ];
    await addWebhook(database, api.idOf(b), ['message.read']);
    const id = await send(a, b, 'ein Grüß für @all 👋 \u0000');
    await worker.expandAll();
    const deliveries = await worker.deliveriesOf(api.idOf(b));
    expect(deliveries.map(({ webhookId }) => webhookId).sort()).toEqual([one._id, two._id].sort());
    expect(new Set(deliveries.map(({ body }) => body)).size).toBe(1);
    const [row] = await api.sync(b);
    const [first] = deliveries;
    expect(bodyOf(first)).toEqual({
      event: 'message.new',
      timestamp: row.created_at,
      data: row,
      id: expect.stringMatching(/^evt_[\w-]{22}$/),
    });
    expect(row).toMatchObject({ id, status: 'stored', delivery_id: expect.stringMatching(/^del_[a-f0-9]{32}$/) });
    expect(first).toMatchObject({
      _id: expect.stringMatching(/^whd_[\w-]{22}$/),
      status: 'pending',
      attempts: 0,
      messageId: id,
      conversationId: row.conversation_id,
      nextAttemptAt: expect.any(Date),
      expiresAt: null,
    });
    expect(await database.outbox.countDocuments({ targetId: api.idOf(b) })).toBe(0);
    expect(await worker.deliveriesOf(api.idOf(a))).toEqual([]);
  });

  test('the bytes are valid UTF-8, and those of the message are the bytes that sync sends', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new']);
    const content = '{"data":{"\\ud800":"\\udc00 \\ud83d\\ude00","n":12345678901234567890,"0":1e300}}';
    const body = `{"to":"${api.handleOf(b)}","type":"structured","client_msg_id":"raw","content":${content}}`;
    expect((await api.as(a, 'POST', '/v1/messages', { body })).status).toBe(201);
    await worker.expandAll();
    const [delivery] = await worker.deliveriesOf(api.idOf(b));
    const text = delivery?.body ?? '';
    expect(Buffer.from(text).toString()).toBe(text);
    const inbox = await findInboxIn(database, api.idOf(b));
    const agent = { _id: api.idOf(b), inboxSalt: inbox?.salt ?? '' };
    const page = { after: delivery?.position === undefined ? 0 : delivery.position - 1, limit: 1, includeMuted: true };
    const [row] = await readStored(database, createAgentReader(database), agent, { ...page, writtenOff: undefined });
    if (row === undefined) throw new Error('no envelope');
    expect(text).toContain(presentRow(row));
  });

  test('webhooks#19, webhooks#G2: any number of workers that expand the same intents make each delivery once', async () => {
    const [a, b] = await friends();
    const webhooks = [
      await addWebhook(database, api.idOf(b), ['message.new']),
      await addWebhook(database, api.idOf(b), ['message.new']),
    ];
    const ids = await Promise.all(Array.from({ length: 40 }, (_, index) => send(a, b, `message ${index}`)));
    await worker.expandAll(4);
    const deliveries = await worker.deliveriesOf(api.idOf(b));
    const expected = webhooks.flatMap(({ _id }) => ids.map((id) => `${_id} ${id}`));
    expect(deliveries.map(({ webhookId, messageId }) => `${webhookId} ${messageId}`).sort()).toEqual(expected.sort());
    for (const { _id } of webhooks) {
      const own = deliveries.filter(({ webhookId }) => webhookId === _id);
      const seqs = own.map((delivery) => bodyOf(delivery).data.seq);
      expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
    }
  });

  // A delivery that waits for earlier ones of its conversation must find them.
  test('webhooks#40: deliveries are made in the order of the commits, whatever the clocks of the apis say', async () => {
    const [a, b] = await friends();
    await worker.expandAll();
    await addWebhook(database, api.idOf(b), ['message.new']);
    const ids: string[] = [];
    for (let place = 0; place < 4; place += 1) {
      const messageId = await send(a, b, `message ${place}`);
      const createdAt = new Date(Date.now() - place * 1_000);
      await database.outbox.updateOne({ kind: 'message.new', messageId }, { $set: { createdAt } });
      ids.push(messageId);
    }
    await worker.expandAll();
    const asMade = await database.deliveries.find({ agentId: api.idOf(b) }, { sort: { $natural: 1 } }).toArray();
    expect(asMade.map(({ messageId }) => messageId)).toEqual(ids);
  });

  test('webhooks#20: a repeated send makes no second delivery', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new']);
    const again = { client_msg_id: 'the same' };
    expect((await post(a, b, 'once', again)).status).toBe(201);
    expect(await told(b)).toHaveLength(1);
    expect((await post(a, b, 'once', again, 1)).status).toBe(200);
    expect(await told(b)).toHaveLength(1);
  });

  test('webhooks#21: nothing of a muted sender, neither then nor after the mute; only what comes later', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(b), ['message.new']);
    const target = { target_kind: 'agent', target_handle: api.handleOf(a) };
    expect((await api.as(b, 'POST', '/v1/mutes', { body: target })).status).toBe(201);
    await send(a, b, 'muted');
    expect(await told(b)).toEqual([]);
    await api.as(b, 'DELETE', `/v1/mutes/agent/${api.handleOf(a)}`);
    await send(a, b, 'heard');
    expect((await told(b)).map(({ data }) => data.content.text)).toEqual(['heard']);
  });

  test('webhooks#27: contact.blocked names the blocker, once per block', async () => {
    const [a, b] = await api.two();
    await addWebhook(database, api.idOf(b), ['contact.blocked']);
    for (const node of [0, 1]) await api.as(a, 'POST', `/v1/contacts/${api.handleOf(b)}/block`, { node });
    expect(await told(b)).toMatchObject([{ event: 'contact.blocked', data: { blocked_by: api.handleOf(a) } }]);
  });

  test('webhooks.md §5: message.read, group.invite.received and group.deleted carry what their frames do', async () => {
    const [a, b] = await friends();
    await addWebhook(database, api.idOf(a), ['message.read', 'group.deleted']);
    await addWebhook(database, api.idOf(b), ['group.invite.received']);
    const id = await send(a, b, 'read me');
    for (const node of [0, 1]) await api.as(b, 'POST', `/v1/messages/${id}/read`, { node });
    const reader = api.handleOf(b);
    expect(await told(a)).toMatchObject([
      { event: 'message.read', data: { message_id: id, seq: 3, through_seq: 0, read_by: reader, reader } },
    ]);
    expect(Object.keys((await told(a))[0].data).sort()).toEqual(
      ['at', 'conversation_id', 'message_id', 'read_at', 'read_by', 'reader', 'seq', 'through_seq'].sort(),
    );
    const stranger = await api.agent();
    const groupId = await api.groupOf(stranger, a);
    expect((await api.add(stranger, groupId, b)).status).toBe(201);
    const [invitation] = await api.invites(b);
    expect(await told(b)).toMatchObject([{ event: 'group.invite.received', data: invitation }]);
    await api.deleteGroup(stranger, groupId);
    const deleted = { group_id: groupId, deleted_by_handle: api.handleOf(stranger), deleted_at: expect.any(String) };
    expect((await told(a)).at(-1)).toMatchObject({ event: 'group.deleted', data: deleted });
  });

  test('webhooks#G4: a webhook gets nothing that was committed before it, however long the intent waits', async () => {
    const [a, b] = await friends();
    const early = await addWebhook(database, api.idOf(b), ['message.new']);
    await send(a, b, 'before');
    const late = await addWebhook(database, api.idOf(b), ['message.new']);
    await send(a, b, 'after');
    await worker.expandAll();
    const texts = async (webhookId: string) =>
      (await worker.deliveriesOf(api.idOf(b)))
        .filter((delivery) => delivery.webhookId === webhookId)
        .map((delivery) => bodyOf(delivery).data.content.text);
    expect([await texts(early._id), await texts(late._id)]).toEqual([['before', 'after'], ['after']]);
  });

  test('a webhook created while messages come in on two nodes gets every one that is accepted after it', async () => {
    const [a, b] = await friends();
    const first = await addWebhook(database, api.idOf(b), ['message.new']);
    let isCreated = false;
    const later: string[] = [];
    const sending = [0, 1, 2, 3].map(async () => {
      for (let after = 0; after < 3;) {
        const isAfter = isCreated;
        const id = await send(a, b, 'in a stream');
        if (isAfter) later.push(id);
        if (isAfter) after += 1;
      }
    });
    const created = await addWebhook(database, api.idOf(b), ['message.new']);
    isCreated = true;
    await Promise.all(sending);
    await worker.expandAll(2);
    const deliveries = await worker.deliveriesOf(api.idOf(b));
    const got = (webhookId: string) =>
      deliveries.filter((one) => one.webhookId === webhookId).map((one) => one.messageId);
    expect(got(created._id)).toEqual(expect.arrayContaining(later));
    expect(got(first._id)).toEqual(expect.arrayContaining(got(created._id)));
  });

  test('webhooks#16: a deleted webhook takes all that is unsent with it; its dead letters stay', async () => {
    const [a, b] = await friends();
    const [kept, dropped] = [
      await addWebhook(database, api.idOf(b), ['message.new']),
      await addWebhook(database, api.idOf(b), ['message.new']),
    ];
    for (const text of ['one', 'two', 'three']) await send(a, b, text);
    await worker.expandAll();
    const [dead, failed] = await database.deliveries.find({ webhookId: dropped._id }, { sort: { order: 1 } }).toArray();
    await database.deliveries.updateOne({ _id: dead?._id }, { $set: { status: 'dead', nextAttemptAt: null } });
    const inAnHour = new Date(Date.now() + 3_600_000);
    const scheduled = { status: 'failed' as const, attempts: 6, nextAttemptAt: inAnHour };
    await database.deliveries.updateOne({ _id: failed?._id }, { $set: scheduled });
    await send(a, b, 'not expanded yet');
    expect((await api.as(b, 'DELETE', `/v1/webhooks/${dropped._id}`, { node: 1 })).status).toBe(200);
    await send(a, b, 'later');
    await worker.expandAll();
    expect(await database.deliveries.find({ webhookId: dropped._id }).toArray()).toMatchObject([{ _id: dead?._id }]);
    expect(await database.deliveries.countDocuments({ webhookId: kept._id })).toBe(5);
  });

  test('a deletion that races expansions leaves nothing behind once its row is worked off', async () => {
    const [a, b] = await friends();
    const webhook = await addWebhook(database, api.idOf(b), ['message.new']);
    await Promise.all(Array.from({ length: 20 }, (_, index) => send(a, b, `race ${index}`)));
    const [isDeleted] = await Promise.all([
      deleteWebhook(database, { agentId: api.idOf(b), id: webhook._id, at: new Date() }),
      worker.expandAll(2),
    ]);
    expect(isDeleted).toBe(true);
    await worker.relayDeleted(new Date(Date.now() + 120_000));
    expect(await database.deliveries.countDocuments({ webhookId: webhook._id })).toBe(0);
    expect(await database.outbox.countDocuments({ targetId: api.idOf(b) })).toBe(0);
  });

  test('groups#G7: unexpanded intents of a deleted group make no deliveries, except its notice', async () => {
    const [creator, member] = await api.two();
    const groupId = await api.groupOf(creator, member);
    await addWebhook(database, api.idOf(member), ['message.new']);
    for (const text of ['too', 'late']) await api.send(creator, groupId, text);
    expect((await api.deleteGroup(creator, groupId)).status).toBe(200);
    expect((await told(member)).map(({ data }) => data.content.data?.event)).toEqual(['group_deleted']);
  });

  test('webhooks#26: a message to a group of 256 with a webhook each makes 255 deliveries, one per recipient', async () => {
    const [creator, ...members] = await api.agents(256);
    if (creator === undefined) throw new Error('no creator');
    const groupId = await api.groupOf(creator, ...members);
    for (const who of [creator, ...members]) await addWebhook(database, api.idOf(who), ['message.new']);
    await worker.expandAll();
    await database.deliveries.deleteMany({ conversationId: groupId });
    const { id } = (await api.send(creator, groupId, 'to everybody')).body;
    await worker.expandAll(2);
    const deliveries = await database.deliveries.find({ conversationId: groupId }).toArray();
    expect(deliveries.map(({ agentId }) => agentId).sort()).toEqual(members.map(api.idOf).sort());
    expect(new Set(deliveries.map(({ messageId }) => messageId))).toEqual(new Set([id]));
    expect(new Set(deliveries.map((delivery) => bodyOf(delivery).data.delivery_id)).size).toBe(255);
  });
});
