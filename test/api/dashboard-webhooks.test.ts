import type { Delivery } from '../../store/schema/collections/deliveries';
import { CLOSED_BREAKER, type Webhook } from '../../store/schema/collections/webhooks';
import { withTransactionBy } from '../../store/schema/prove-caller';
import { redeliver as redeliverInStore } from '../../store/webhooks/attempts/redeliveries';
import { noteOwnerTest } from '../../store/webhooks/webhook-tests';
import { requestRecovery } from '../../store/webhooks/recovery/request-recovery';
import { rotateSecret } from '../../store/webhooks/rotate-secret';
import { updateWebhook } from '../../store/webhooks/update-webhook';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import type { TestOwner } from '../support/owners';
import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { useStack, withStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { framesOf, openDashboard, ownerOf } from '../support/watch';
import { SECRET, secretsOf, seedDeliveries, seedWebhook } from '../support/webhook-rig';

const DAY_MS = 86_400_000;

describe('owners watch and repair the webhooks of their agents (webhooks.md §12)', () => {
  const { stack, database, url } = useStack({ env: LOCAL_RECEIVERS });
  const receiver = useReceiver();
  let owner: TestOwner;
  let ada: TestAgent;
  beforeEach(async () => {
    const watched = await ownerOf(stack, database);
    owner = watched.owner;
    [ada] = watched.agents;
  });

  const hookOf = (changes: Partial<Webhook> = {}, who = ada): Promise<Webhook> =>
    seedWebhook(database, receiver.url, { agentId: who.agent._id, ...changes }, secretsOf(stack));
  const on = (method: string, path: string, body?: object): Promise<CallAnswer> =>
    owner.call(method, `/dashboard/agents/${ada.agent.handle}/webhooks${path}`, body === undefined ? {} : { body });
  const asAda = (method: string, path: string): Promise<CallAnswer> =>
    call(url(), method, `/v1/webhooks${path}`, { key: ada.apiKey });
  const rowOf = (id: string) => database.webhooks.findOne({ _id: id });
  async function ended(webhook: Webhook, changes: Partial<Delivery> = {}): Promise<Delivery> {
    const expiresAt = new Date(Date.now() + 30 * DAY_MS);
    const over = { status: 'dead' as const, attempts: 9, nextAttemptAt: null, lastStatus: 500, expiresAt };
    const [row] = await seedDeliveries(database, webhook, 1, { ...over, ...changes });
    if (row === undefined) throw new Error('nothing seeded');
    return row;
  }
  /** What the activity log holds of webhooks, oldest first. */
  const acts = async () => {
    const of = { targetId: ada.agent._id, action: /^webhook\./ };
    const events = await database.auditEvents.find(of, { sort: { createdAt: 1, _id: 1 } }).toArray();
    return events.map(({ actorType, actorId, action, metadata }) => ({ actorType, actorId, action, metadata }));
  };
  const byOwner = (action: string, metadata: object) => ({ actorType: 'owner', actorId: owner.id, action, metadata });

  test('webhooks §12: the list is what the agent is shown, with health, backlog and the next attempt', async () => {
    const [openUntil, due] = [new Date(Date.now() + 300_000), new Date(Date.now() + 60_000)];
    const failedAt = new Date(Date.now() - 1_000);
    const open = { ...CLOSED_BREAKER, state: 'open' as const, consecutive: 5, lastFailureAt: failedAt, openUntil };
    const bad = await hookOf({ breaker: open });
    const good = await hookOf({ createdAt: new Date(bad.createdAt.getTime() + 1) });
    await seedDeliveries(database, bad, 2, { status: 'failed', attempts: 1, nextAttemptAt: due });
    await seedDeliveries(database, bad, 1, { status: 'failed', attempts: 2, nextAttemptAt: openUntil });
    await ended(bad, { deadAt: failedAt });
    await ended(bad, { deadAt: failedAt, replayedAt: failedAt, replayedAsId: 'whd_other' });
    const { status, body, text } = await on('GET', '');
    expect(status).toBe(200);
    expect(body.webhooks.map(({ id }: { id: string }) => id)).toEqual([bad._id, good._id]);
    const health = { state: 'circuit_open', consecutive_failures: 5, last_failure_at: failedAt.toISOString() };
    expect(body.webhooks[0]).toEqual({
      ...(await asAda('GET', `/${bad._id}`)).body,
      health: { ...health, pending: 3, dead: 1 },
      next_attempt_at: openUntil.toISOString(),
      circuit_open_until: openUntil.toISOString(),
      is_held: false,
    });
    expect(body.webhooks[1]).toMatchObject({
      health: { state: 'healthy', consecutive_failures: 0, last_failure_at: null, pending: 0, dead: 0 },
      next_attempt_at: null,
      circuit_open_until: null,
    });
    for (const hidden of [SECRET, ada.agent._id]) expect(text).not.toContain(hidden);
  });

  test('webhooks §12: deliveries and their details are byte for byte what the agent is shown', async () => {
    const webhook = await hookOf({ held: 'paused' });
    for (let count = 0; count < 3; count += 1) {
      await ended(webhook, { status: 'delivered', createdAt: new Date(Date.now() - count) });
    }
    const dead = await ended(webhook, { event: 'message.read' });
    const first = await on('GET', `/${webhook._id}/deliveries?limit=3`);
    expect([first.status, first.body.deliveries.length]).toEqual([200, 3]);
    const rest = await on('GET', `/${webhook._id}/deliveries?limit=3&cursor=${first.body.next_cursor}`);
    expect([rest.body.deliveries.length, rest.body.next_cursor]).toEqual([1, null]);
    for (const query of ['', '?status=dead&event=message.read', '?status=delivered', '?event=group.deleted']) {
      const path = `/${webhook._id}/deliveries${query}`;
      expect((await on('GET', path)).text).toBe((await asAda('GET', path)).text);
    }
    const path = `/${webhook._id}/deliveries/${dead._id}`;
    const shown = await on('GET', path);
    expect([shown.status, shown.text]).toEqual([200, (await asAda('GET', path)).text]);
    expect(shown.body.request.body).toBe(dead.body);
    expect((await on('GET', `/${webhook._id}/deliveries?status=done`)).body.code).toBe('VALIDATION_ERROR');
  });

  test('webhooks §12: a redelivery goes out with the same bytes; the log of the agent names the owner', async () => {
    const webhook = await hookOf();
    const dead = await ended(webhook);
    const path = `/${webhook._id}/deliveries/${dead._id}/redeliver`;
    const { status, body } = await on('POST', path);
    expect([status, body.replay_of, body.status]).toEqual([202, dead._id, 'pending']);
    const [request] = await receiver.received(1);
    expect(request?.body.toString('utf8')).toBe(dead.body);
    expect(await acts()).toEqual([byOwner('webhook.redelivered', { webhook_id: webhook._id, delivery_id: dead._id })]);
    expect(await on('POST', path)).toMatchObject({ status: 409, body: { code: 'FORBIDDEN' } });
    expect(await acts()).toHaveLength(1);
    const { body: log } = await owner.call('GET', `/dashboard/agents/${ada.agent.handle}/events?limit=1`);
    expect(log.events).toMatchObject([{ actor_type: 'owner', action: 'webhook.redelivered', metadata: {} }]);
  });

  test('webhooks §12: a recovery sends what was given up in its time, once, and is recorded', async () => {
    const webhook = await hookOf({ events: ['message.read'] });
    const dead = await ended(webhook, { event: 'message.read', deadAt: new Date() });
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const recover = (body: object) => on('POST', `/${webhook._id}/recover`, body);
    const { status, body } = await recover({ since });
    expect([status, body.matched]).toEqual([202, 1]);
    const [request] = await receiver.received(1);
    expect(request?.body.toString('utf8')).toBe(dead.body);
    const [act] = await acts();
    const metadata = { webhook_id: webhook._id, job_id: body.job_id, since, until: expect.any(String) };
    expect(act).toEqual(byOwner('webhook.recovery_requested', metadata));
    // Original and new delivery are one commit, so nothing is owed any more.
    expect((await recover({ since })).body.matched).toBe(0);
    expect((await recover({ since, until: since })).body.details.fieldErrors).toEqual({ until: [expect.any(String)] });
    expect((await recover({})).body.code).toBe('VALIDATION_ERROR');
  });

  test('webhooks §12: a rotation shows a secret of the server once, never one of the owner’s choice', async () => {
    const webhook = await hookOf();
    const rotate = (body?: object) => on('POST', `/${webhook._id}/rotate-secret`, body);
    const chosen = 'x'.repeat(32);
    const { status, body } = await rotate({ overlap_seconds: 60, secret: chosen });
    expect([status, body.id]).toEqual([200, webhook._id]);
    expect(body.secret).toMatch(/^[0-9a-f]{64}$/);
    const row = await rowOf(webhook._id);
    expect(row === null ? '' : secretsOf(stack).open(row)).toBe(body.secret);
    expect((await on('GET', '')).body.webhooks[0]).toMatchObject({
      secret_hint: body.secret.slice(-4),
      previous_secret_expires_at: body.previous_secret_expires_at,
    });
    expect(await rotate()).toMatchObject({ status: 409, body: { code: 'ROTATION_IN_PROGRESS' } });
    expect((await rotate({ force: true, overlap_seconds: 0 })).body.previous_secret_expires_at).toBeNull();
    expect(await acts()).toEqual([
      byOwner('webhook.secret_rotated', { webhook_id: webhook._id, overlap_seconds: 60, forced: false }),
      byOwner('webhook.secret_rotated', { webhook_id: webhook._id, overlap_seconds: 0, forced: true }),
    ]);
    expect(JSON.stringify(await database.auditEvents.find({}).toArray())).not.toContain(body.secret);
  });

  test('webhooks §12: a test tells how one attempt went, and leaves no delivery', async () => {
    const webhook = await hookOf();
    const test = (body?: object) => on('POST', `/${webhook._id}/test`, body);
    expect(await test()).toMatchObject({ status: 200, body: { delivered: true, status: 200, error: null } });
    receiver.answer(503);
    expect((await test({ event: 'message.new' })).body).toMatchObject({ delivered: false, status: 503 });
    expect(receiver.requests.map(({ headers }) => headers['x-agentchat-event'])).toEqual(['ping', 'message.new']);
    expect(await database.deliveries.countDocuments({ webhookId: webhook._id })).toBe(0);
    expect(await acts()).toEqual(
      ['ping', 'message.new'].map((event) => byOwner('webhook.tested', { webhook_id: webhook._id, event })),
    );
    expect((await test({ event: 'agent.created' })).body.code).toBe('VALIDATION_ERROR');
  });

  test('webhooks §12: off holds what waits, on sends it; owners change nothing else of a webhook', async () => {
    const webhook = await hookOf();
    const patch = (body: object) => on('PATCH', `/${webhook._id}`, body);
    const off = await patch({ active: false, url: 'https://8.8.8.8/other', events: ['message.read'] });
    const { url: target, events } = webhook;
    const shown = { active: false, disabled_reason: 'manual', url: target, events, health: { state: 'disabled' } };
    expect([off.status, off.body]).toMatchObject([200, shown]);
    const [waiting] = await seedDeliveries(database, webhook);
    expect(await on('POST', `/${webhook._id}/deliveries/${waiting?._id}/redeliver`)).toMatchObject({ status: 409 });
    expect(receiver.requests).toEqual([]);
    expect((await patch({ active: true })).body).toMatchObject({ active: true, health: { state: 'healthy' } });
    await receiver.received(1);
    const metadata = { webhook_id: webhook._id, fields: ['active'] };
    expect(await acts()).toEqual([byOwner('webhook.updated', metadata), byOwner('webhook.updated', metadata)]);
    for (const body of [{}, { active: 'no' }]) expect((await patch(body)).body.code).toBe('VALIDATION_ERROR');
    for (const [method, path] of [
      ['POST', ''],
      ['DELETE', `/${webhook._id}`],
      ['PUT', `/${webhook._id}`],
    ] as const) {
      expect([method, (await on(method, path, {})).body.code]).toEqual([method, 'NOT_FOUND']);
    }
  });

  test('dashboard I6: a webhook of another agent is 404 like an unknown one, byte for byte', async () => {
    const other = await createTestAgent(database);
    const [foreign, own] = [await hookOf({}, other), await hookOf()];
    const dead = await ended(foreign);
    const before = await rowOf(foreign._id);
    const since = new Date().toISOString();
    const calls: [string, string, object?][] = [
      ['PATCH', '', { active: false }],
      ['POST', '/rotate-secret'],
      ['POST', '/test'],
      ['GET', '/deliveries'],
      ['GET', `/deliveries/${dead._id}`],
      ['POST', `/deliveries/${dead._id}/redeliver`],
      ['POST', '/recover', { since }],
    ];
    for (const [method, path, body] of calls) {
      const shown = await on(method, `/${foreign._id}${path}`, body);
      expect([path, shown.status, shown.body.message]).toEqual([path, 404, 'Webhook not found']);
      expect(shown.text).toBe((await on(method, `/whk_0000000000000000${path}`, body)).text);
    }
    const missing = await on('GET', `/${own._id}/deliveries/${dead._id}`);
    expect([missing.status, missing.body.message]).toEqual([404, 'Delivery not found']);
    expect(await rowOf(foreign._id)).toEqual(before);
    expect([receiver.requests, await acts()]).toEqual([[], []]);
  });

  test('dashboard I6: an owner that loses its claim on the way changes nothing: each commit proves it', async () => {
    const webhook = await hookOf();
    const dead = await ended(webhook);
    const before = await rowOf(webhook._id);
    const agentId = ada.agent._id;
    const caller = { agentId, ownerId: 'somebody-else' };
    const [at, secret] = [new Date(), secretsOf(stack).seal(webhook._id, SECRET)];
    const own = { agentId, id: webhook._id, at, caller };
    const scope = { since: new Date(0), until: at, status: null };
    const rows = { agentId, webhookId: webhook._id, deliveryId: dead._id, token: 't', caller, now: at };
    const writes: (() => Promise<unknown>)[] = [
      () => updateWebhook(database, { ...own, changes: { active: false } }),
      () => rotateSecret(database, { ...own, secret, overlapMs: 0, force: true }),
      () => redeliverInStore(database, rows),
      () => requestRecovery(database, { webhook, jobId: 'j', scope, matched: 1, caller, now: at }),
      () => noteOwnerTest(database, { caller, webhookId: webhook._id, event: 'ping', at }),
    ];
    for (const write of writes) await expect(write()).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    expect(await rowOf(webhook._id)).toEqual(before);
    expect(await database.deliveries.find({ webhookId: webhook._id }).toArray()).toEqual([dead]);
    expect([receiver.requests, await acts()]).toEqual([[], []]);
  });

  test('dashboard I6: from the proof of a claim to the commit nobody can end the claim', async () => {
    const caller = { agentId: ada.agent._id, ownerId: owner.id };
    const claim = { _id: caller.agentId };
    // Also with nothing else to write: what is only read does not stop who writes it.
    await withTransactionBy(database, caller, () =>
      expect(database.claims.deleteOne(claim, { maxTimeMS: 300 })).rejects.toMatchObject({
        codeName: 'MaxTimeMSExpired',
      }),
    );
    expect(await database.claims.deleteOne(claim)).toMatchObject({ deletedCount: 1 });
    const work = jest.fn();
    await expect(withTransactionBy(database, caller, work)).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    expect(work).not.toHaveBeenCalled();
  });

  test('dashboard §6.3: open pages are told to read again, by the owner’s changes and by the agent’s', async () => {
    const webhook = await hookOf();
    const page = await openDashboard(stack, owner);
    const hints = () => framesOf(page, 'agent.changed').filter(({ scopes }) => scopes.includes('events')).length;
    await on('PATCH', `/${webhook._id}`, { active: false });
    await waitFor(() => hints() === 1);
    await call(url(), 'PATCH', `/v1/webhooks/${webhook._id}`, { key: ada.apiKey, body: { active: true } });
    await waitFor(() => hints() === 2);
    await asAda('POST', `/${webhook._id}/rotate-secret`);
    await waitFor(() => hints() === 3);
    page.end();
  });
});

describe('windows of owners who repair webhooks', () => {
  test('webhooks#31, #37: so many redeliveries, tests and recoveries a minute as agents have', async () => {
    const env = { RATE_LIMITS: 'on', PUBLIC_BASE_URL: 'https://chat.example.com' };
    await withStack({ workers: 0, env }, async ({ stack, database }) => {
      const { owner, agents } = await ownerOf(stack, database);
      const base = `/dashboard/agents/${agents[0].agent.handle}/webhooks/whk_none`;
      const since = new Date().toISOString();
      await waitFor(() => 60_000 - (Date.now() % 60_000) > 20_000, { describe: 'a fresh window', timeoutMs: 60_000 });
      for (const [path, scope, limit, body] of [
        ['/deliveries/whd_none/redeliver', 'owner_webhook_redeliver', 60, undefined],
        ['/recover', 'owner_webhook_recover', 10, { since }],
        ['/test', 'owner_webhook_test', 10, undefined],
      ] as const) {
        const options = body === undefined ? {} : { body };
        const codes: number[] = [];
        for (let count = 0; count < limit; count += 1) {
          codes.push((await owner.call('POST', base + path, options)).status);
        }
        expect([scope, codes]).toEqual([scope, Array.from({ length: limit }, () => 404)]);
        const refused = await owner.call('POST', base + path, options);
        expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED', details: { scope, limit } } });
      }
      // Reading is not counted with them.
      expect((await owner.call('GET', `${base}/deliveries`)).status).toBe(404);
    });
  }, 180_000);
});
