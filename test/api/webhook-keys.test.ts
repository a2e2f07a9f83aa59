import { createPublicKey } from 'node:crypto';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { useStack } from '../support/use-stack';

/** An address needs no name server. */
const URL = 'https://8.8.8.8/hook';
const KEY = /^whpk_[A-Za-z0-9+/]{43}=$/;

describe('the ed25519 pair of a webhook', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });
  let ada: TestAgent;
  beforeEach(async () => {
    ada = await createTestAgent(database);
  });

  const as = (method: string, path: string, body?: unknown, node = 0): Promise<CallAnswer> =>
    call(url(node), method, path, { key: ada.apiKey, ...(body === undefined ? {} : { body }) });
  const create = async (extra: object = { ed25519_signature: true }) => {
    const answer = await as('POST', '/v1/webhooks', { url: URL, events: ['message.new'], ...extra });
    expect(answer.status).toBe(201);
    return answer.body;
  };
  const rotate = (id: string, body?: unknown, node = 0) => as('POST', `/v1/webhooks/${id}/rotate-key`, body, node);
  const changes = async () => {
    const ofAda = { targetId: ada.agent._id, action: /^webhook\.secret/ };
    const events = await database.auditEvents.find(ofAda, { sort: { createdAt: 1 } }).toArray();
    return events.map(({ action, metadata }) => [action, metadata]);
  };
  const shown = async (id: string) => (await as('GET', `/v1/webhooks/${id}`, undefined, 1)).body;

  test('webhooks#48: the server makes it, the public key can be read, the private one is kept sealed', async () => {
    const created = await create();
    expect(created.public_key).toMatch(KEY);
    expect(await shown(created.id)).toMatchObject({ public_key: created.public_key, previous_public_key: null });
    const x = Buffer.from(created.public_key.slice('whpk_'.length), 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    expect(key.asymmetricKeyType).toBe('ed25519');
    const row = await database.webhooks.findOne({ _id: created.id });
    expect(Object.keys(row?.keyPair ?? {}).sort()).toEqual(['privateKey', 'publicKey']);
    expect(Object.keys(row?.keyPair?.privateKey ?? {}).sort()).toEqual(['bytes', 'keyId']);
    const [listed] = (await as('GET', '/v1/webhooks')).body.webhooks;
    expect(JSON.stringify(listed)).not.toContain('private');
    expect((await create({})).public_key).toBeNull();
  });

  test('webhooks#48: it is switched on and off by PATCH, and on once more is another pair', async () => {
    const { id } = await create({});
    const patch = async (ed25519_signature: boolean) =>
      (await as('PATCH', `/v1/webhooks/${id}`, { ed25519_signature })).body.public_key;
    const first = await patch(true);
    expect(first).toMatch(KEY);
    expect(await patch(true)).toBe(first);
    expect((await as('PATCH', `/v1/webhooks/${id}`, { description: 'other' })).body.public_key).toBe(first);
    await rotate(id);
    expect(await patch(false)).toBeNull();
    expect(await shown(id)).toMatchObject({ public_key: null, previous_public_key: null });
    const second = await patch(true);
    expect(second).toMatch(KEY);
    expect(second).not.toBe(first);
  });

  test('webhooks#48: a rotation keeps the old public key readable until the overlap ends', async () => {
    const { id, public_key } = await create();
    const before = Date.now();
    const rotated = await rotate(id);
    expect(rotated).toMatchObject({ status: 200, body: { id, public_key: expect.stringMatching(KEY) } });
    expect(rotated.body.public_key).not.toBe(public_key);
    const until = rotated.body.previous_public_key_expires_at;
    expect(Math.abs(Date.parse(until) - before - 86_400_000)).toBeLessThan(10_000);
    expect(await shown(id)).toMatchObject({
      public_key: rotated.body.public_key,
      previous_public_key: public_key,
      previous_public_key_expires_at: until,
      previous_secret_expires_at: null,
    });
    const past = { $set: { 'previousKeyPair.expiresAt': new Date(Date.now() - 1) } };
    await database.webhooks.updateOne({ _id: id }, past);
    expect(await shown(id)).toMatchObject({ previous_public_key: null, previous_public_key_expires_at: null });
  });

  test('webhooks#48: of many rotations at once one succeeds; another waits for the end, or is forced', async () => {
    const { id } = await create();
    const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => rotate(id, {}, index % 2)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
    const won = answers.find(({ status }) => status === 200)?.body.public_key;
    expect(answers.find(({ status }) => status === 409)?.body.code).toBe('ROTATION_IN_PROGRESS');
    expect(await rotate(id, { force: true })).toMatchObject({ status: 200 });
    expect((await shown(id)).previous_public_key).toBe(won);
    for (const node of [0, 1]) {
      const ended = await as('DELETE', `/v1/webhooks/${id}/previous-key`, undefined, node);
      expect(ended).toMatchObject({ status: 200, body: { ok: true } });
    }
    expect((await shown(id)).previous_public_key).toBeNull();
    expect((await rotate(id, { overlap_seconds: 0 })).body.previous_public_key_expires_at).toBeNull();
    expect((await rotate(id)).status).toBe(200);
  });

  test('webhooks#48: without a pair there is none to rotate; what no overlap can be is 400', async () => {
    const { id } = await create({});
    expect(await rotate(id)).toMatchObject({ status: 409, body: { code: 'FORBIDDEN' } });
    const { id: signed, public_key } = await create();
    for (const body of [{ overlap_seconds: -1 }, { overlap_seconds: 604_801 }, { force: 'yes' }]) {
      expect(await rotate(signed, body)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    }
    expect((await shown(signed)).public_key).toBe(public_key);
    expect(await changes()).toEqual([]);
  });

  test('webhooks#48: rotations stand in the activity log as those of the pair, without keys', async () => {
    const { id } = await create();
    await rotate(id, { overlap_seconds: 60 });
    await as('DELETE', `/v1/webhooks/${id}/previous-key`);
    await as('DELETE', `/v1/webhooks/${id}/previous-key`);
    const of = { webhook_id: id, what: 'key_pair' };
    expect(await changes()).toEqual([
      ['webhook.secret_rotated', { ...of, overlap_seconds: 60, forced: false }],
      ['webhook.secret_revoked', of],
    ]);
  });
});
