import { OPERATIONAL_WEBHOOK_EVENTS } from '../../contract/events';
import { expandIntents } from '../../delivery/expand-intents';
import type { OperationalFacts } from '../../domain/operational-event';
import { hashApiKey, newOwnerId } from '../../platform/ids';
import { claimAgent } from '../../store/accounts/claims';
import { createAgentReader } from '../../store/agents/agents';
import { setPause } from '../../store/accounts/set-pause';
import type { Delivery } from '../../store/schema/collections/deliveries';
import type { Webhook } from '../../store/schema/collections/webhooks';
import { withTransaction } from '../../store/schema/database';
import { recordAttempts, type AttemptResult } from '../../store/webhooks/attempts/record-attempts';
import { announceOperational } from '../../store/webhooks/intents/announce-operational';
import { rotateSecret } from '../../store/webhooks/rotate-secret';
import { createTestAgent, createTestAgents, type TestAgent } from '../support/agents';
import { bodyOf } from '../support/intents';
import { useReceiver } from '../support/receiver';
import { rowDeps } from '../support/relays';
import { sealSecret, seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';
import { countWebhook } from '../support/webhooks';

const ALL = [...OPERATIONAL_WEBHOOK_EVENTS];

describe('what happens to a webhook, told to another one of its agent', () => {
  const rig = useWebhookRig();
  const receiver = useReceiver();
  let one: TestAgent;
  let agentId: string;
  let failing: Webhook;
  let listening: Webhook;

  const add = async (changes: Partial<Webhook>, of = agentId): Promise<Webhook> => {
    await countWebhook(rig.database, of, 1);
    return seedWebhook(rig.database, receiver.url, { agentId: of, fromVersion: 0, ...changes });
  };
  beforeEach(async () => {
    one = await createTestAgent(rig.database);
    agentId = one.agent._id;
    // It lists them, too: of itself it is not told.
    failing = await add({ events: ['message.new', ...ALL] });
    listening = await add({ events: ALL });
  });

  async function told(): Promise<Delivery[]> {
    const deps = { agents: createAgentReader(rig.database), publicBaseUrl: 'http://chat.example.com' };
    for (let isMore = true; isMore;) ({ isMore } = await expandIntents({ ...rowDeps(rig.database), ...deps }));
    return rig.database.deliveries.find({ agentId, event: { $in: ALL } }, { sort: { createdAt: 1, _id: 1 } }).toArray();
  }
  const eventsOf = (deliveries: Delivery[]) => deliveries.map(({ webhookId, event }) => [webhookId, event]);
  const eighthFailed = (webhook: Webhook, changes: Partial<Delivery> = {}) =>
    seedDeliveries(rig.database, webhook, 1, { status: 'failed', attempts: 8, ...changes });
  async function giveUp(webhook: Webhook): Promise<Delivery> {
    receiver.answer(503);
    const [delivery] = await eighthFailed(webhook);
    await rig.attemptDue(webhook._id, new Date(Date.now() + 1_000));
    const dead = await rig.database.deliveries.findOne({ _id: delivery?._id ?? '' });
    if (dead === null) throw new Error('nothing seeded');
    expect(dead.status).toBe('dead');
    return dead;
  }
  const announce = (facts: OperationalFacts, key: string, webhook = failing) =>
    withTransaction(rig.database, (session) =>
      announceOperational(rig.database, { webhook, facts, key, at: new Date() }, session),
    );

  test('webhooks#44: a delivery that was given up is told with what was not delivered, and not to itself', async () => {
    const dead = await giveUp(failing);
    const deliveries = await told();
    expect(eventsOf(deliveries)).toEqual([[listening._id, 'webhook.delivery.exhausted']]);
    expect(bodyOf(deliveries[0])).toEqual({
      event: 'webhook.delivery.exhausted',
      timestamp: dead.deadAt?.toISOString(),
      data: {
        webhook_id: failing._id,
        handle: one.agent.handle,
        delivery_id: dead._id,
        event: 'message.new',
        event_id: dead.eventId,
        attempts: 9,
        last_status: 503,
        last_error: 'HTTP 503 Service Unavailable',
        dead_at: dead.deadAt?.toISOString(),
      },
      id: deliveries[0]?.eventId,
    });
  });

  test('webhooks#44: it is told once, however often its last attempt is recorded', async () => {
    const dead = await giveUp(failing);
    const [log] = dead.log ?? [];
    if (log === undefined) throw new Error('no attempt');
    const late: AttemptResult = {
      deliveryId: dead._id,
      event: 'message.new',
      attempt: 9,
      token: null,
      at: new Date(),
      outcome: { kind: 'lost' },
      record: log,
      random: 0,
    };
    await recordAttempts(rig.database, failing._id, [late]);
    expect(await told()).toHaveLength(1);
    await recordAttempts(rig.database, failing._id, [late]);
    expect(await told()).toHaveLength(1);
    expect(await rig.database.outbox.countDocuments({ targetId: agentId })).toBe(0);
  });

  test('webhooks#44: a result that comes after its delivery was cancelled tells nothing', async () => {
    const [delivery] = await eighthFailed(failing, { status: 'cancelled', attempts: 9 });
    const nothing = { status: null, headers: [], body: '', remoteIp: null };
    const late: AttemptResult = {
      deliveryId: delivery?._id ?? '',
      event: 'message.new',
      attempt: 9,
      token: null,
      at: new Date(),
      outcome: { kind: 'fault', error: 'timeout' },
      record: { attempt: 9, at: new Date(), durationMs: 1, error: 'timeout', ...nothing },
      random: 0,
    };
    await recordAttempts(rig.database, failing._id, [late]);
    expect(await told()).toEqual([]);
  });

  test('webhooks#43, webhooks#44: of a batch that is given up each of its deliveries is told', async () => {
    const onTheWire = { status: 'delivering', attempts: 9, leaseUntil: new Date(Date.now() + 60_000) } as const;
    const ids = (await seedDeliveries(rig.database, failing, 3, onTheWire)).map(({ _id }) => _id);
    const [deliveryId = '', ...others] = ids;
    const nothing = { status: null, headers: [], body: '', remoteIp: null };
    const failed: AttemptResult = {
      deliveryId,
      others,
      event: 'message.new',
      attempt: 9,
      token: null,
      at: new Date(),
      outcome: { kind: 'fault', error: 'timeout' },
      record: { attempt: 9, at: new Date(), durationMs: 1, error: 'timeout', ...nothing },
      random: 0,
    };
    await recordAttempts(rig.database, failing._id, [failed]);
    const named = (await told()).map((delivery) => bodyOf(delivery).data.delivery_id);
    expect(named.sort()).toEqual([...ids].sort());
  });

  test('webhooks#44: two that both fail do not tell each other of what told of them', async () => {
    await giveUp(failing);
    const [news] = await told();
    if (news === undefined) throw new Error('nothing told');
    await rig.database.deliveries.updateOne({ _id: news._id }, { $set: { status: 'failed', attempts: 8 } });
    await rig.attemptDue(listening._id, new Date(Date.now() + 1_000));
    expect(await rig.database.deliveries.findOne({ _id: news._id })).toMatchObject({ status: 'dead', attempts: 9 });
    expect(await told()).toHaveLength(1);
    // What is no such event is told the other way round.
    await giveUp(listening);
    expect(eventsOf(await told()).slice(1)).toEqual([[failing._id, 'webhook.delivery.exhausted']]);
  });

  test('webhooks#44: each of the five is told once, though it is announced twice, also at once', async () => {
    const since = new Date('2030-06-15T12:00:00.000Z');
    const delivered = { event: 'message.new' as const, eventId: 'evt_1' };
    const ended = { deliveryId: 'whd_1', delivered, attempts: 9, lastStatus: null, lastError: 'timeout' };
    const five: OperationalFacts[] = [
      { event: 'webhook.delivery.exhausted', ...ended },
      { event: 'webhook.endpoint.failing', since, consecutiveFailures: 12 },
      { event: 'webhook.endpoint.disabled', reason: 'failing' },
      { event: 'webhook.endpoint.recovered', failingSince: since },
      { event: 'webhook.secret.rotated', what: 'secret', previousExpiresAt: null },
    ];
    expect(five.map(({ event }) => event)).toEqual(ALL);
    for (const facts of five) await Promise.all([announce(facts, 'one'), announce(facts, 'one')]);
    expect(await told()).toHaveLength(5);
    for (const facts of five) await announce(facts, 'one');
    const deliveries = await told();
    expect(eventsOf(deliveries).sort()).toEqual(ALL.map((event) => [listening._id, event]).sort());
    for (const delivery of deliveries) expect(bodyOf(delivery).data.webhook_id).toBe(failing._id);
    // Another incident is another event.
    await announce({ event: 'webhook.endpoint.failing', since, consecutiveFailures: 5 }, 'two');
    expect(await told()).toHaveLength(6);
  });

  test('webhooks#44: webhooks of all agents of the owner are told, those of other owners are not', async () => {
    const [sibling, stranger, unclaimed] = await createTestAgents(rig.database, 3);
    const [ownerId, otherId] = [newOwnerId(), newOwnerId()];
    const claim = ({ agent, apiKey }: TestAgent, by: string) =>
      claimAgent(rig.database, { agentId: agent._id, apiKeyHash: hashApiKey(apiKey), ownerId: by, at: new Date() });
    expect(await claim(one, ownerId)).toMatchObject({ kind: 'claimed' });
    expect(await claim(sibling, ownerId)).toMatchObject({ kind: 'claimed' });
    expect(await claim(stranger, otherId)).toMatchObject({ kind: 'claimed' });
    const others = [sibling, stranger, unclaimed].map(({ agent }) => agent._id);
    const [ofSibling] = await Promise.all(others.map((id) => add({ events: ALL }, id)));
    await announce({ event: 'webhook.endpoint.disabled', reason: 'failing' }, 'one');
    await told();
    const deliveries = await rig.database.deliveries.find({ agentId: { $in: [agentId, ...others] } }).toArray();
    const expected = [listening._id, ofSibling?._id];
    expect(deliveries.map(({ webhookId }) => webhookId).sort()).toEqual(expected.sort());
    for (const delivery of deliveries) expect(bodyOf(delivery).data.handle).toBe(one.agent.handle);
  });

  test('webhooks#44: a rotation is told in its commit, without the secret', async () => {
    const secret = 'ef'.repeat(32);
    const own = { agentId, id: failing._id, overlapMs: 3_600_000, at: new Date() };
    const sealed = sealSecret(failing._id, secret);
    await rotateSecret(rig.database, { ...own, secret: sealed, force: false });
    await rotateSecret(rig.database, { ...own, secret: sealed, force: false });
    const deliveries = await told();
    expect(eventsOf(deliveries)).toEqual([[listening._id, 'webhook.secret.rotated']]);
    expect(bodyOf(deliveries[0]).data).toEqual({
      webhook_id: failing._id,
      handle: one.agent.handle,
      what: 'secret',
      previous_expires_at: new Date(own.at.getTime() + own.overlapMs).toISOString(),
      rotated_at: own.at.toISOString(),
    });
    expect(deliveries[0]?.body).not.toContain(secret);
  });

  test('webhooks#44: nothing is written where no other webhook lists it, or the agent is fully paused', async () => {
    await rig.database.webhooks.updateOne({ _id: listening._id }, { $set: { events: ['message.read'] } });
    await giveUp(failing);
    const intents = () => rig.database.outbox.countDocuments({ targetId: agentId, kind: { $in: ALL } });
    expect([await intents(), await told()]).toEqual([0, []]);
    await rig.database.webhooks.updateOne({ _id: listening._id }, { $set: { events: ALL } });
    await setPause(rig.database, agentId, 'full', new Date());
    await announce({ event: 'webhook.endpoint.disabled', reason: 'gone' }, 'while paused');
    expect([await intents(), await told()]).toEqual([0, []]);
  });
});
