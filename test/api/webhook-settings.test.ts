import { randomBytes } from 'node:crypto';
import { call, createTestAgent, type CallAnswer, type CallOptions, type TestAgent } from '../support/agents';
import { secretsOf } from '../support/webhook-rig';
import { useStack } from '../support/use-stack';

/** An address needs no name server. */
const URL = 'https://8.8.8.8/hook';

describe('what agents do with a webhook that they have', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });
  let ada: TestAgent;
  let id: string;
  let secret: string;
  beforeEach(async () => {
    ada = await createTestAgent(database);
    const body = { url: URL, events: ['message.new'] };
    const created = await call(url(), 'POST', '/v1/webhooks', { key: ada.apiKey, body });
    ({ id, secret } = created.body);
  });

  const on = (node: number, method: string, path: string, options: CallOptions = {}): Promise<CallAnswer> =>
    call(url(node), method, `/v1/webhooks/${id}${path}`, { key: ada.apiKey, ...options });
  const patch = (body: unknown): Promise<CallAnswer> => on(0, 'PATCH', '', { body });
  const rotate = (body?: unknown, node = 0, headers = {}): Promise<CallAnswer> =>
    on(node, 'POST', '/rotate-secret', { ...(body === undefined ? {} : { body }), headers });
  const shown = async () => (await on(1, 'GET', '')).body;
  const rowOf = () => database.webhooks.findOne({ _id: id });
  /** What attempts would be signed with, as the database keeps it. */
  const kept = async (): Promise<string[]> => {
    const row = await rowOf();
    if (row === null) throw new Error('no row');
    const { open } = secretsOf(stack);
    const { previousSecret } = row;
    return [open(row), ...(previousSecret === undefined ? [] : [open({ _id: id, secret: previousSecret.secret })])];
  };

  test('webhooks#34: a rotation shows the new secret once, and says until when the old one signs', async () => {
    const before = Date.now();
    const rotated = await rotate();
    expect(rotated.status).toBe(200);
    expect(rotated.body).toEqual({
      id,
      secret: expect.stringMatching(/^[0-9a-f]{64}$/),
      previous_secret_expires_at: expect.any(String),
    });
    const overlapMs = Date.parse(rotated.body.previous_secret_expires_at) - before;
    expect(Math.abs(overlapMs - 86_400_000)).toBeLessThan(10_000);
    expect(rotated.body.secret).not.toBe(secret);
    expect(await kept()).toEqual([rotated.body.secret, secret]);
    expect(await shown()).toMatchObject({
      secret_hint: rotated.body.secret.slice(-4),
      previous_secret_expires_at: rotated.body.previous_secret_expires_at,
    });
    const text = JSON.stringify([await rowOf(), await shown()]);
    for (const hidden of [secret, rotated.body.secret]) expect(text).not.toContain(hidden);
  });

  test('webhooks#34: a second rotation while the overlap is open is 409; forced, it is in force at once', async () => {
    const first = (await rotate({ overlap_seconds: 600 })).body.secret;
    expect(await rotate({}, 1)).toMatchObject({ status: 409, body: { code: 'ROTATION_IN_PROGRESS' } });
    expect(await kept()).toEqual([first, secret]);
    const own = randomBytes(24).toString('base64');
    expect(await rotate({ force: true, secret: own })).toMatchObject({ status: 200, body: { secret: own } });
    expect(await kept()).toEqual([own, first]);
  });

  test('webhooks#34: of many rotations at once one succeeds, whatever the node', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => rotate({}, index % 2)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(409)]);
    const won = answers.find(({ status }) => status === 200);
    expect(await kept()).toEqual([won?.body.secret, secret]);
  });

  test('webhooks#34: an overlap is ended early, lasts no time at all when asked, and is free after its end', async () => {
    await rotate();
    expect(await on(1, 'DELETE', '/previous-secret')).toMatchObject({ status: 200, body: { ok: true } });
    expect(await on(1, 'DELETE', '/previous-secret')).toMatchObject({ status: 200, body: { ok: true } });
    expect(await kept()).toHaveLength(1);
    expect((await shown()).previous_secret_expires_at).toBeNull();
    expect((await rotate({ overlap_seconds: 0 })).body.previous_secret_expires_at).toBeNull();
    expect(await kept()).toHaveLength(1);
    await rotate();
    const past = new Date(Date.now() - 1);
    await database.webhooks.updateOne({ _id: id }, { $set: { 'previousSecret.expiresAt': past } });
    expect((await shown()).previous_secret_expires_at).toBeNull();
    expect((await rotate()).status).toBe(200);
  });

  test('webhooks.md §11.3: a repeat with the same Idempotency-Key shows the same secret and rotates once', async () => {
    const headers = { 'idempotency-key': 'rotation-of-ada-1' };
    const first = await rotate({}, 0, headers);
    const second = await rotate({}, 1, headers);
    expect([second.status, second.body]).toEqual([200, first.body]);
    const answer = await database.idempotency.findOne({ _id: `${ada.agent._id}:rotation-of-ada-1` });
    expect(Buffer.from(answer?.answer?.bytes.buffer ?? []).includes(first.body.secret)).toBe(false);
  });

  test('webhooks.md §11.3: what no rotation can be is 400 with fieldErrors, and nothing is rotated', async () => {
    const faulty: [string, object][] = [
      ['overlap_seconds', { overlap_seconds: -1 }],
      ['overlap_seconds', { overlap_seconds: 604_801 }],
      ['overlap_seconds', { overlap_seconds: 1.5 }],
      ['overlap_seconds', { overlap_seconds: '60' }],
      ['secret', { secret: 'too short' }],
      ['secret', { secret }],
      ['force', { force: 'yes' }],
    ];
    for (const [field, body] of faulty) {
      const answer = await rotate(body);
      const { code, details } = answer.body;
      const expected = { formErrors: [], fieldErrors: { [field]: [expect.any(String)] } };
      expect([body, answer.status, code, details]).toEqual([body, 400, 'VALIDATION_ERROR', expected]);
    }
    expect(await kept()).toEqual([secret]);
    expect((await rotate({ overlap_seconds: 604_800, secret: null, force: null })).status).toBe(200);
  });

  test('webhooks.md §11.3: a webhook whose key is gone is mended by a rotation', async () => {
    await database.webhooks.updateOne({ _id: id }, { $set: { 'secret.keyId': 'taken-out' } });
    expect((await shown()).secret_hint).toBeNull();
    const { status, body } = await rotate();
    expect([status, (await shown()).secret_hint]).toEqual([200, body.secret.slice(-4)]);
  });

  test('webhooks#35: every field is changed alone, the others stay', async () => {
    const { created_at } = await shown();
    const fresh = {
      id,
      url: URL,
      events: ['message.new'],
      active: true,
      disabled_reason: null,
      description: null,
      filter: null,
      rate_limit: null,
      ordering: 'none',
      batching: false,
      secret_hint: secret.slice(-4),
      previous_secret_expires_at: null,
      public_key: null,
      previous_public_key: null,
      previous_public_key_expires_at: null,
      created_at,
    };
    expect(await shown()).toEqual(fresh);
    const filter = { conversation_ids: ['conv_a', 'grp_b'], senders: ['bob-agent'], mentions_me: true };
    const steps: [object, object][] = [
      [{ url: 'https://8.8.4.4/new' }, { url: 'https://8.8.4.4/new' }],
      [{ events: ['message.read', 'message.read'] }, { events: ['message.read'] }],
      [{ description: 'Bookings' }, { description: 'Bookings' }],
      [{ filter: { ...filter, senders: ['@Bob-Agent', 'bob-agent'], message_types: [] } }, { filter }],
      [{ rate_limit: 100 }, { rate_limit: 100 }],
      [{ ordering: 'conversation' }, { ordering: 'conversation' }],
      [{ batching: true }, { batching: true }],
      [{ ordering: null, batching: null }, {}],
      [{ active: false }, { active: false, disabled_reason: 'manual' }],
      [{ active: false }, {}],
      [{ active: true }, { active: true, disabled_reason: null }],
      [{ url: null, events: null, active: null, more: 1 }, {}],
      [{}, {}],
      [{ description: '' }, { description: null }],
      [{ filter: {} }, { filter: null }],
      [{ rate_limit: null }, { rate_limit: null }],
      [{ ordering: 'none' }, { ordering: 'none' }],
      [{ batching: false }, { batching: false }],
    ];
    let expected: object = fresh;
    for (const [body, change] of steps) {
      expected = { ...expected, ...change };
      const answer = await patch(body);
      expect([body, answer.status, answer.body]).toEqual([body, 200, expected]);
      expect(await shown()).toEqual(expected);
    }
  });

  test('webhooks#35: each invalid form is 400 with fieldErrors and changes nothing', async () => {
    const before = await rowOf();
    const many = Array.from({ length: 101 }, (_, index) => `conv_${index}`);
    const faulty: [string, unknown][] = [
      ['url', 'http://example.com/hook'],
      ['url', 'https://127.0.0.1/hook'],
      ['url', 17],
      ['events', []],
      ['events', ['message.deleted']],
      ['events', ['agent.created']],
      ['active', 'yes'],
      ['description', 'x'.repeat(257)],
      ['description', 5],
      ['filter', 'all'],
      ['filter', { conversations: ['conv_a'] }],
      ['filter', { conversation_ids: ['msg_a'] }],
      ['filter', { conversation_ids: many }],
      ['filter', { senders: ['not a handle'] }],
      ['filter', { message_types: ['voice'] }],
      ['filter', { mentions_me: 1 }],
      ['rate_limit', 0],
      ['rate_limit', 101],
      ['rate_limit', 1.5],
      ['ordering', 'strict'],
      ['ordering', true],
      ['batching', 'yes'],
      ['ed25519_signature', 'yes'],
    ];
    for (const [field, value] of faulty) {
      const answer = await patch({ description: 'other', [field]: value });
      expect([field, value, answer.status, answer.body.code]).toEqual([field, value, 400, 'VALIDATION_ERROR']);
      expect([value, Object.keys(answer.body.details.fieldErrors)]).toEqual([value, [field]]);
    }
    expect(await rowOf()).toEqual(before);
  });

  test('webhooks#4: of another agent, unknown and malformed ids are the same 404', async () => {
    const own = id;
    const bob = await createTestAgent(database);
    const calls: [string, string, object | undefined][] = [
      ['PATCH', '', { active: false }],
      ['POST', '/rotate-secret', {}],
      ['DELETE', '/previous-secret', undefined],
      ['POST', '/rotate-key', {}],
      ['DELETE', '/previous-key', undefined],
      ['POST', '/test', {}],
    ];
    for (const [method, path, body] of calls) {
      const texts: string[] = [];
      for (const foreign of [own, 'whk_0000000000000000', '%00']) {
        const options = { key: bob.apiKey, ...(body === undefined ? {} : { body }) };
        const answer = await call(url(), method, `/v1/webhooks/${foreign}${path}`, options);
        expect([method, path, answer.status]).toEqual([method, path, 404]);
        texts.push(answer.text);
      }
      expect(new Set(texts)).toEqual(new Set(['{"code":"NOT_FOUND","message":"Webhook not found"}']));
    }
    expect(await kept()).toEqual([secret]);
  });

  test('changes and rotations stand in the activity log, without URL and secret', async () => {
    const hidden = ['https://8.8.4.4/token', secret];
    await patch({ url: hidden[0], active: false });
    hidden.push((await rotate({ overlap_seconds: 60 })).body.secret);
    await on(0, 'DELETE', '/previous-secret');
    await on(0, 'DELETE', '/previous-secret');
    const ofAda = { targetId: ada.agent._id, action: /^webhook\.(updated|secret)/ };
    const events = await database.auditEvents.find(ofAda, { sort: { createdAt: 1 } }).toArray();
    expect(events.map(({ action, metadata }) => [action, metadata])).toEqual([
      ['webhook.updated', { webhook_id: id, fields: ['active', 'url'] }],
      ['webhook.secret_rotated', { webhook_id: id, overlap_seconds: 60, forced: false }],
      ['webhook.secret_revoked', { webhook_id: id }],
    ]);
    for (const text of hidden) expect(JSON.stringify(events)).not.toContain(text);
  });
});
