import { createHmac } from 'node:crypto';
import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { webhookHeaders } from '../../delivery/signing';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

const NOW = new Date('2030-06-15T12:00:00.900Z');
const HEX_SECRET = 'ab'.repeat(32);
const body = Buffer.from(
  JSON.stringify({
    event: 'message.new',
    timestamp: NOW.toISOString(),
    data: { text: 'żółw 🐢 \ud800', n: 1e300 },
    id: 'evt_1',
  }),
);
const headers = (changes: Partial<Parameters<typeof webhookHeaders>[0]> = {}): Record<string, string> =>
  webhookHeaders({
    deliveryId: 'whd_1',
    event: 'message.new',
    attempt: 1,
    body,
    secrets: [HEX_SECRET],
    legacySignature: false,
    now: NOW,
    ...changes,
  });
const verify = (signature: string | undefined, nowMs = NOW.getTime(), secret = HEX_SECRET) =>
  verifyWebhook({ payload: body, signature: signature ?? null, secret, now: () => nowMs });

describe('what an attempt is signed with (webhooks.md §4, §11.6)', () => {
  test.each(['agentchat-signature', 'x-agentchat-signature'])('the published verifier accepts %s', async (name) => {
    await expect(verify(headers()[name])).resolves.toMatchObject({ event: 'message.new' });
    await expect(verify(headers()[name], NOW.getTime() + 301_000)).rejects.toMatchObject({ reason: 'timestamp_skew' });
    await expect(verify(headers()[name], NOW.getTime(), 'another secret')).rejects.toMatchObject({
      reason: 'bad_signature',
    });
  });

  test('t is the second of the attempt, v1 is keyed with the text of the secret', () => {
    const t = Math.floor(NOW.getTime() / 1_000);
    const v1 = createHmac('sha256', HEX_SECRET)
      .update(`${t}.${body.toString('utf8')}`)
      .digest('hex');
    expect(headers()['agentchat-signature']).toBe(`t=${t},v1=${v1}`);
    expect(headers({ now: new Date(NOW.getTime() + 112_900_000) })['agentchat-signature']).toMatch(`t=${t + 112_900},`);
  });

  test('the bare digest stands only under the second name, and only where it was asked for', async () => {
    const legacy = headers({ legacySignature: true });
    expect(legacy['x-agentchat-signature']).toMatch(/^[0-9a-f]{64}$/);
    expect(legacy['agentchat-signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
    await expect(verify(legacy['x-agentchat-signature'], 0)).resolves.toMatchObject({ id: 'evt_1' });
  });

  test('the other headers say what it is', () => {
    expect(headers({ attempt: 3 })).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'AgentChat-Webhooks/1.0',
      'x-agentchat-event': 'message.new',
      'x-agentchat-delivery': 'whd_1',
      'x-agentchat-attempt': '3',
    });
  });

  test.each([
    ['a generated secret', HEX_SECRET, HEX_SECRET],
    ['one with the prefix', `whsec_${Buffer.alloc(32, 7).toString('base64')}`, Buffer.alloc(32, 7).toString('base64')],
  ])('Standard Webhooks: %s is its own base64', (_, secret, encoded) => {
    const t = Math.floor(NOW.getTime() / 1_000);
    const signed = headers({ secrets: [secret] });
    const expected = createHmac('sha256', Buffer.from(encoded, 'base64'))
      .update(`whd_1.${t}.`)
      .update(body)
      .digest('base64');
    expect(signed['webhook-id']).toBe('whd_1');
    expect(signed['webhook-timestamp']).toBe(String(t));
    expect(signed['webhook-signature']).toBe(`v1,${expected}`);
  });

  test.each(['not base64 at all, but long enough', 'c2hvcnQ=', 'A'.repeat(200)])(
    'Standard Webhooks: a secret that is no key for it gives no such headers: %s',
    (secret) => {
      expect(Object.keys(headers({ secrets: [secret] })).filter((name) => name.startsWith('webhook-'))).toEqual([]);
    },
  );
});
