import { findInboxIn } from '../../store/inbox/inbox';
import { setPause } from '../../store/accounts/set-pause';
import { updateWebhook, type WebhookChanges } from '../../store/webhooks/update-webhook';
import type { Webhook } from '../../store/schema/collections/webhooks';
import type { TestAgent } from '../support/agents';
import { groupCalls } from '../support/groups';
import { bodyOf, intentWorker } from '../support/intents';
import { addWebhook } from '../support/webhooks';
import { useStack } from '../support/use-stack';

/** Decision 12, without a worker: the test itself expands, so it decides which events are still to be expanded when. */
describe('events and webhooks that are switched off and filtered', () => {
  const { stack, database } = useStack({ apis: 1, workers: 0 });
  const api = groupCalls(stack, database);
  const worker = intentWorker(database);
  let sender: TestAgent;
  let recipient: TestAgent;
  let webhook: Webhook;
  beforeEach(async () => {
    [sender, recipient] = await api.two();
    await send('opener');
    await post(recipient, { to: api.handleOf(sender), content: { text: 'reply' } });
    webhook = await addWebhook(database, api.idOf(recipient), ['message.new', 'message.read', 'contact.blocked']);
  });

  let sent = 0;
  async function post(by: TestAgent, body: object): Promise<{ id: string; conversation_id: string }> {
    const answer = await api.as(by, 'POST', '/v1/messages', { body: { client_msg_id: `off-${(sent += 1)}`, ...body } });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body;
  }
  const send = (text: string) => post(sender, { to: api.handleOf(recipient), content: { text } });
  const change = (changes: WebhookChanges) =>
    updateWebhook(database, { agentId: api.idOf(recipient), id: webhook._id, changes, at: new Date() });
  const rows = async () => {
    await worker.expandAll();
    return worker.deliveriesOf(api.idOf(recipient));
  };
  const told = async (): Promise<string[]> => (await rows()).map((row) => bodyOf(row).data.content?.text ?? row.event);

  test('webhooks#36: what happened while it was inactive is not delivered, also when it is expanded later', async () => {
    await send('before, not expanded yet');
    await change({ active: false });
    await send('while it is off, one');
    await change({ active: true });
    await send('in between');
    await change({ active: false });
    await send('while it is off, two');
    expect(await told()).toEqual(['before, not expanded yet', 'in between']);
    await send('while it is off, three');
    await change({ active: true });
    await send('after');
    expect(await told()).toEqual(['before, not expanded yet', 'in between', 'after']);
    expect(await database.outbox.countDocuments({ targetId: api.idOf(recipient) })).toBe(0);
  });

  test('webhooks#36: a webhook that was gone begins anew when it is switched on', async () => {
    await send('before the 410, not expanded yet');
    await database.webhooks.updateOne({ _id: webhook._id }, { $set: { active: false, disabledReason: 'gone' } });
    await send('while it was gone');
    await change({ active: true });
    await send('after');
    expect(await told()).toEqual(['after']);
    expect(await database.webhooks.findOne({ _id: webhook._id })).toMatchObject({ active: true, disabledReason: null });
  });

  test('webhooks#36: a block while it was inactive is on record as missed, also when it is expanded later', async () => {
    const [third, fourth] = [await api.agent(), await api.agent()];
    const block = (by: TestAgent) => api.as(by, 'POST', `/v1/contacts/${api.handleOf(recipient)}/block`);
    const statuses = async () => (await rows()).map(({ status, cancelledFor }) => [status, cancelledFor]);
    await change({ active: false });
    await block(third);
    await change({ active: true });
    expect(await statuses()).toEqual([['cancelled', 'inactive']]);
    await block(fourth);
    expect((await statuses()).sort()).toEqual([
      ['cancelled', 'inactive'],
      ['pending', undefined],
    ]);
    await change({ active: false, filter: { conversationIds: ['conv_another'] }, events: ['message.read'] });
    await block(sender);
    expect(await statuses()).toHaveLength(2);
  });

  test('webhooks#36: a release leaves out what came while the webhook was inactive', async () => {
    const [agentId, now] = [api.idOf(recipient), () => new Date()];
    await setPause(database, agentId, 'full', now());
    await send('paused and active');
    await change({ active: false });
    await send('paused and off');
    await change({ active: true });
    await send('paused and active again');
    await setPause(database, agentId, 'none', now());
    await change({ active: false });
    await send('off while it is released');
    expect(await told()).toEqual(['paused and active', 'paused and active again']);
    await setPause(database, agentId, 'full', now());
    await send('off at the release');
    await setPause(database, agentId, 'none', now());
    await change({ active: true });
    await send('on while it is released');
    expect(await told()).toEqual(['paused and active', 'paused and active again', 'on while it is released']);
  });

  test('webhooks#36: of messages and a switch at once each is told, or was committed behind it', async () => {
    const sending = Array.from({ length: 20 }, (_, index) => send(`at once ${index}`));
    await change({ active: false });
    await Promise.all(sending);
    const head = (await findInboxIn(database, api.idOf(recipient)))?.nextPosition ?? 0;
    const row = await database.webhooks.findOne({ _id: webhook._id });
    const from = row?.inactiveSpans?.[0]?.from.position ?? 0;
    const since = webhook.fromPosition ?? 0;
    expect(from).toBeGreaterThanOrEqual(since);
    expect(from).toBeLessThanOrEqual(head);
    expect((await rows()).map(({ position }) => position)).toEqual(
      Array.from({ length: from - since }, (_, index) => since + index),
    );
  });

  test('webhooks#39: by conversation, sender and type, each alone and together; other events pass', async () => {
    const third = await api.agent();
    const group = await api.groupOf(sender, recipient);
    await rows();
    await database.deliveries.deleteMany({ agentId: api.idOf(recipient) });
    const toGroup = (text: string) => post(sender, { conversation_id: group, content: { text } });
    const structured = () =>
      post(sender, { to: api.handleOf(recipient), type: 'structured', content: { text: 'data', data: { n: 1 } } });
    const byThird = (text: string) => post(third, { to: api.handleOf(recipient), content: { text } });
    const { conversation_id: direct } = await send('unfiltered');
    await byThird('unfiltered');
    const seen = async (filter: WebhookChanges['filter']): Promise<string[]> => {
      await worker.expandAll();
      await database.deliveries.deleteMany({ agentId: api.idOf(recipient) });
      await change({ filter });
      await send('direct');
      await toGroup('group');
      await structured();
      return (await told()).sort();
    };
    expect(await seen(null)).toEqual(['data', 'direct', 'group']);
    expect(await seen({ conversationIds: [group] })).toEqual(['group']);
    expect(await seen({ conversationIds: [group, direct] })).toEqual(['data', 'direct', 'group']);
    expect(await seen({ senders: [api.handleOf(sender)] })).toEqual(['data', 'direct', 'group']);
    expect(await seen({ senders: [api.handleOf(third)] })).toEqual([]);
    expect(await seen({ messageTypes: ['structured'] })).toEqual(['data']);
    expect(await seen({ messageTypes: ['text'], conversationIds: [direct] })).toEqual(['direct']);
    await api.as(third, 'POST', `/v1/contacts/${api.handleOf(recipient)}/block`);
    expect(await told()).toContain('contact.blocked');
  });

  test('webhooks#39: only messages that mention the agent, also in a release', async () => {
    await change({ filter: { mentionsMe: true } });
    const me = api.handleOf(recipient);
    await send('nobody');
    await send(`look, @${me}!`);
    await send('@somebody-else');
    expect(await told()).toEqual([`look, @${me}!`]);
    await setPause(database, api.idOf(recipient), 'full', new Date());
    await send('nobody again');
    await send(`again @${me.toUpperCase()}`);
    await setPause(database, api.idOf(recipient), 'none', new Date());
    expect(await told()).toEqual([`look, @${me}!`, `again @${me.toUpperCase()}`]);
  });

  test('webhooks#39: reads of other conversations are left out by a condition on conversations', async () => {
    const toOther = await post(recipient, { to: api.handleOf(sender), content: { text: 'to be read' } });
    const read = () => api.as(sender, 'POST', `/v1/messages/${toOther.id}/read`);
    await change({ filter: { conversationIds: ['conv_another'] } });
    expect((await read()).status).toBe(200);
    expect(await told()).toEqual([]);
    const later = await post(recipient, { to: api.handleOf(sender), content: { text: 'to be read, too' } });
    await change({ filter: { conversationIds: [later.conversation_id], senders: ['somebody-else'] } });
    await api.as(sender, 'POST', `/v1/messages/${later.id}/read`);
    expect(await told()).toEqual(['message.read']);
  });
});
