import { createPublicKey, verify } from 'node:crypto';
import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { newKeyPair } from '../../platform/key-pairs';
import type { SealedKeyPair, Webhook } from '../../store/schema/collections/webhooks';
import { revokePreviousKeyPair, rotateKeyPair, rotateSecret } from '../../store/webhooks/rotate-secret';
import { keyPairOwner } from '../../store/webhooks/webhook-secrets';
import { useReceiver, type Received } from '../support/receiver';
import { useEach } from '../support/use';
import { SECRET, sealSecret, seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

const HOUR_MS = 3_600_000;

describe('the ed25519 signature of attempts', () => {
  const rig = useWebhookRig();
  const receiver = useReceiver();
  useEach(
    () => rig,
    ({ stopWorkers }) => stopWorkers(),
  );
  let webhook: Webhook;
  let first: SealedKeyPair;

  const sealedPair = (webhookId: string): SealedKeyPair => {
    const { publicKey, privateKey } = newKeyPair();
    return { publicKey, privateKey: sealSecret(keyPairOwner(webhookId), privateKey) };
  };
  beforeEach(async () => {
    webhook = await seedWebhook(rig.database, receiver.url);
    first = sealedPair(webhook._id);
    await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { keyPair: first } });
  });

  const own = () => ({ agentId: webhook.agentId, id: webhook._id, at: new Date() });
  async function rotate(overlapMs: number, force = false): Promise<SealedKeyPair> {
    const keyPair = sealedPair(webhook._id);
    expect(await rotateKeyPair(rig.database, { ...own(), keyPair, overlapMs, force })).toMatchObject({
      kind: 'rotated',
    });
    return keyPair;
  }
  async function attempted(): Promise<Received> {
    const before = receiver.requests.length;
    await seedDeliveries(rig.database, webhook);
    rig.startWorker().wake(webhook._id);
    const request = (await receiver.received(before + 1)).at(-1);
    if (request === undefined) throw new Error('no request');
    return request;
  }
  const signaturesOf = ({ headers }: Received, version: string): string[] =>
    String(headers['webhook-signature'])
      .split(' ')
      .filter((signature) => signature.startsWith(`${version},`))
      .map((signature) => signature.slice(version.length + 1));
  /** As a receiver does it that knows nothing but the public key. */
  const isSignedBy = ({ headers, body }: Received, signature: string, { publicKey }: SealedKeyPair): boolean => {
    const x = Buffer.from(publicKey, 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const text = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.`;
    return verify(null, Buffer.concat([Buffer.from(text), body]), key, Buffer.from(signature, 'base64'));
  };
  /** Which of the pairs made each `v1a` signature, in their order. */
  const signersOf = (request: Received, pairs: SealedKeyPair[]): number[] =>
    signaturesOf(request, 'v1a').map((signature) => pairs.findIndex((pair) => isSignedBy(request, signature, pair)));

  test('webhooks#48: v1a stands beside v1 and is verified with the public key alone', async () => {
    const request = await attempted();
    expect(signersOf(request, [first])).toEqual([0]);
    expect(signaturesOf(request, 'v1')).toHaveLength(1);
    const tampered = { ...request, body: Buffer.concat([request.body, Buffer.from(' ')]) };
    expect(signersOf(tampered, [first])).toEqual([-1]);
    // What published clients look at is as it was.
    expect(request.headers['agentchat-signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64}$/);
    const signature = String(request.headers['agentchat-signature']);
    await expect(verifyWebhook({ payload: request.body, signature, secret: SECRET })).resolves.toBeTruthy();
  });

  test('webhooks#48: during the overlap of a rotation both pairs sign, the new one first', async () => {
    const second = await rotate(HOUR_MS);
    expect(signersOf(await attempted(), [first, second])).toEqual([1, 0]);
    expect(await rotateKeyPair(rig.database, { ...own(), keyPair: first, overlapMs: 0, force: false })).toEqual({
      kind: 'in_progress',
    });
    const past = { $set: { 'previousKeyPair.expiresAt': new Date(Date.now() - 1) } };
    await rig.database.webhooks.updateOne({ _id: webhook._id }, past);
    expect(signersOf(await attempted(), [first, second])).toEqual([1]);
  });

  test('webhooks#48: ended early, forced or without overlap, the old pair signs nothing more', async () => {
    const second = await rotate(HOUR_MS);
    const third = await rotate(HOUR_MS, true);
    expect(signersOf(await attempted(), [first, second, third])).toEqual([2, 1]);
    expect(await revokePreviousKeyPair(rig.database, own())).toBe(true);
    expect(signersOf(await attempted(), [first, second, third])).toEqual([2]);
    const fourth = await rotate(0);
    expect(signersOf(await attempted(), [first, second, third, fourth])).toEqual([3]);
  });

  test('webhooks#48: secret and pair rotate apart from each other', async () => {
    const secret = sealSecret(webhook._id, 'ef'.repeat(32));
    await rotateSecret(rig.database, { ...own(), secret, overlapMs: HOUR_MS, force: false });
    const second = await rotate(HOUR_MS);
    const request = await attempted();
    expect([signaturesOf(request, 'v1').length, signersOf(request, [first, second])]).toEqual([2, [1, 0]]);
  });

  test('webhooks#48: with a secret that is no key of Standard Webhooks, v1a stands alone', async () => {
    const secret = sealSecret(webhook._id, 'words that are no base64 at all');
    await rotateSecret(rig.database, { ...own(), secret, overlapMs: 0, force: false });
    const request = await attempted();
    expect([signaturesOf(request, 'v1'), signersOf(request, [first])]).toEqual([[], [0]]);
  });

  test('webhooks#48: the log of the delivery has no signature, whatever the receiver sends back', async () => {
    receiver.answer((response, request) => response.writeHead(200).end(String(request.headers['webhook-signature'])));
    const request = await attempted();
    const [signature = ''] = signaturesOf(request, 'v1a');
    await rig.stopWorkers();
    const row = await rig.database.deliveries.findOne({ webhookId: webhook._id });
    expect(row?.log?.[0]?.body).toBe('v1,[redacted] v1a,[redacted]');
    expect(JSON.stringify(row)).not.toContain(signature);
  });

  test('a private key that cannot be opened any more is left out; the secret goes on signing', async () => {
    await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { 'keyPair.privateKey.keyId': 'gone' } });
    const request = await attempted();
    expect([signaturesOf(request, 'v1').length, signersOf(request, [first])]).toEqual([1, []]);
  });

  test('a private key in the place of a secret does not open, so nothing is signed with it', async () => {
    const set = { $set: { secret: first.privateKey } };
    await rig.database.webhooks.updateOne({ _id: webhook._id }, set);
    const row = await rig.database.webhooks.findOne({ _id: webhook._id });
    expect(() => rig.deps.openSecret({ _id: webhook._id, secret: row?.secret ?? first.privateKey })).toThrow();
  });
});
