import { createHmac } from 'node:crypto';
import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import type { Webhook } from '../../store/schema/collections/webhooks';
import { revokePreviousSecret, rotateSecret } from '../../store/webhooks/rotate-secret';
import { useReceiver, type Received } from '../support/receiver';
import { useEach } from '../support/use';
import { waitFor } from '../support/wait';
import { SECRET, sealSecret, seedDeliveries, seedWebhook, useWebhookRig } from '../support/webhook-rig';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { verifyWebhook } = jest.requireActual<typeof Sdk>('agentchatme');

const HOUR_MS = 3_600_000;

describe('what attempts are signed with around a rotation', () => {
  const rig = useWebhookRig();
  const receiver = useReceiver();
  useEach(
    () => rig,
    ({ stopWorkers }) => stopWorkers(),
  );
  const NEW = 'ef'.repeat(32);
  let webhook: Webhook;

  const rotate = (secret: string, overlapMs: number, force = false) =>
    rotateSecret(rig.database, {
      agentId: webhook.agentId,
      id: webhook._id,
      secret: sealSecret(webhook._id, secret),
      overlapMs,
      force,
      at: new Date(),
    });
  const v1Of = ({ headers, body }: Received, secret: string): string => {
    const t = /^t=(\d+),/.exec(String(headers['agentchat-signature']))?.[1] ?? '';
    return `v1=${createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex')}`;
  };
  const standardOf = ({ headers, body }: Received, secret: string): string =>
    `v1,${createHmac('sha256', Buffer.from(secret, 'base64'))
      .update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.`)
      .update(body)
      .digest('base64')}`;
  const partsOf = ({ headers }: Received): string[] => String(headers['agentchat-signature']).split(',').slice(1);
  const verify = ({ headers, body, atMs }: Received, secret: string, nowMs = atMs) =>
    verifyWebhook({ payload: body, signature: String(headers['agentchat-signature']), secret, now: () => nowMs });
  const refused = { reason: 'bad_signature' };
  async function attempted(count: number): Promise<Received> {
    const requests = await receiver.received(count);
    const last = requests[count - 1];
    if (last === undefined) throw new Error('no request');
    return last;
  }
  async function firstAttempt(changes: Partial<Webhook> = {}): Promise<Received> {
    if (Object.keys(changes).length > 0) await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: changes });
    await seedDeliveries(rig.database, webhook);
    const before = receiver.requests.length;
    rig.startWorker().wake(webhook._id);
    return attempted(before + 1);
  }

  beforeEach(async () => {
    webhook = await seedWebhook(rig.database, receiver.url);
  });

  test('webhooks#34: during the overlap both secrets sign, the old one last, in every header', async () => {
    await rotate(NEW, HOUR_MS);
    const request = await firstAttempt();
    expect(partsOf(request)).toEqual([v1Of(request, NEW), v1Of(request, SECRET)]);
    expect(request.headers['x-agentchat-signature']).toBe(request.headers['agentchat-signature']);
    expect(request.headers['webhook-signature']).toBe(`${standardOf(request, NEW)} ${standardOf(request, SECRET)}`);
    // Receivers have the old secret until they deploy, and look at the last one.
    await expect(verify(request, SECRET)).resolves.toMatchObject({ event: 'message.new' });
    await expect(verify(request, NEW)).rejects.toMatchObject(refused);
  });

  test('webhooks#34: the bare digest of legacy receivers keeps the old secret until the overlap ends', async () => {
    const bare = (secret: string, { body }: Received) => createHmac('sha256', secret).update(body).digest('hex');
    await rotate(NEW, HOUR_MS);
    const during = await firstAttempt({ legacySignature: true });
    expect(during.headers['x-agentchat-signature']).toBe(bare(SECRET, during));
    await revokePreviousSecret(rig.database, { agentId: webhook.agentId, id: webhook._id, at: new Date() });
    const after = await firstAttempt();
    expect(after.headers['x-agentchat-signature']).toBe(bare(NEW, after));
  });

  test('webhooks#34: ended early, forced or without overlap, the old secret signs nothing more', async () => {
    await rotate(NEW, 0);
    const first = await firstAttempt();
    expect(partsOf(first)).toEqual([v1Of(first, NEW)]);
    await expect(verify(first, NEW)).resolves.toMatchObject({ event: 'message.new' });
    await rotate('12'.repeat(32), HOUR_MS);
    await rotate('34'.repeat(32), HOUR_MS, true);
    const second = await firstAttempt();
    expect(partsOf(second)).toEqual([v1Of(second, '34'.repeat(32)), v1Of(second, '12'.repeat(32))]);
    await revokePreviousSecret(rig.database, { agentId: webhook.agentId, id: webhook._id, at: new Date() });
    const third = await firstAttempt();
    expect(partsOf(third)).toEqual([v1Of(third, '34'.repeat(32))]);
  });

  test('webhooks#34, webhooks#46: a retry is signed at its own time with the secrets of then', async () => {
    receiver.answer(500);
    const first = await firstAttempt();
    await waitFor(
      async () => (await rig.database.deliveries.findOne({ webhookId: webhook._id, status: 'failed' })) !== null,
    );
    await rig.stopWorkers();
    await rotate(NEW, HOUR_MS);
    const within = new Date(Date.now() + 600_000);
    await rig.attemptDue(webhook._id, within);
    const second = await attempted(2);
    expect(partsOf(second)).toEqual([v1Of(second, NEW), v1Of(second, SECRET)]);
    await expect(verify(second, SECRET, within.getTime())).resolves.toMatchObject({ event: 'message.new' });
    await expect(verify(second, SECRET)).rejects.toMatchObject({ reason: 'timestamp_skew' });
    const behind = new Date(Date.now() + 2 * HOUR_MS);
    await rig.attemptDue(webhook._id, behind);
    const third = await attempted(3);
    expect(partsOf(third)).toEqual([v1Of(third, NEW)]);
    await expect(verify(third, SECRET, behind.getTime())).rejects.toMatchObject(refused);
    await expect(verify(third, NEW, behind.getTime())).resolves.toMatchObject({ event: 'message.new' });
    expect(third.body).toEqual(first.body);
    const row = await rig.database.deliveries.findOne({ webhookId: webhook._id });
    // The next delay counts from the attempt: one minute behind its third failure.
    expect((row?.nextAttemptAt?.getTime() ?? 0) - behind.getTime()).toBeGreaterThanOrEqual(60_000);
  });

  test('webhooks.md §11.6: of two secrets only one of which is a key, the trio is signed with that one', async () => {
    const words = 'words that are no base64 at all';
    await rotate(words, HOUR_MS);
    const request = await firstAttempt();
    expect(request.headers['webhook-signature']).toBe(standardOf(request, SECRET));
    expect(partsOf(request)).toEqual([v1Of(request, words), v1Of(request, SECRET)]);
  });

  test('an old secret that cannot be opened any more is left out; the new one goes on', async () => {
    await rotate(NEW, HOUR_MS);
    await rig.database.webhooks.updateOne({ _id: webhook._id }, { $set: { 'previousSecret.secret.keyId': 'gone' } });
    const request = await firstAttempt();
    expect(partsOf(request)).toEqual([v1Of(request, NEW)]);
  });
});
