import { randomBytes } from 'node:crypto';
import { codeProof } from '../../platform/codes';
import { parseConfig } from '../../platform/config';
import { newOutboxId } from '../../platform/ids';
import { codeFlowId, stateQuery, verifyUpdate } from '../../workflows/messages/code-by-mail';
import { call } from '../support/agents';
import { clearCooldown, codeFor, notCode } from '../support/codes';
import { afterSetCookie, callAs, signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const REQUEST = '/dashboard/auth/otp/request';
const VERIFY = '/dashboard/auth/otp/verify';

describe('sign-in of owners by mailed codes', () => {
  const { stack, database, client, url } = useStack({ apis: 2 });

  const newEmail = () => `person-${randomBytes(6).toString('hex')}@example.com`;
  const request = (email: unknown) => callAs(url(), 'POST', REQUEST, { body: { email } });
  const verify = (pending_id: unknown, code: unknown, node = 0) =>
    callAs(url(node), 'POST', VERIFY, { body: { pending_id, code } });
  /** Asks for a code and reads the mail. */
  async function begin(email: string, mails = 1): Promise<{ pendingId: string; code: string }> {
    const { status, body } = await request(email);
    expect([status, Object.keys(body).sort()]).toEqual([200, ['message', 'pending_id']]);
    return { pendingId: body.pending_id, code: await codeFor(stack, email, mails) };
  }

  test('the first code signs up, later ones sign in; the answer does not tell which', async () => {
    const email = newEmail();
    const first = await begin(email);
    expect(first.pendingId).toMatch(/^dpnd_[\w-]{16}$/);
    const up = await verify(first.pendingId, first.code);
    expect([up.status, up.body]).toEqual([
      200,
      { owner: { email, display_name: null, created_at: expect.stringMatching(/Z$/) } },
    ]);
    const cookies = afterSetCookie('', up.headers.getSetCookie());
    expect((await callAs(url(1), 'GET', '/dashboard/me', { cookies })).body).toEqual(up.body.owner);
    await clearCooldown(database, email);
    const second = await begin(email, 2);
    const again = await verify(second.pendingId, second.code, 1);
    expect([again.status, again.body]).toEqual([200, up.body]);
    const owner = await database.owners.findOne({ email });
    const events = await database.auditEvents.find({ targetId: owner?._id ?? '' }).toArray();
    expect(events.map(({ action, actorType, actorId }) => [action, actorType, actorId]).sort()).toEqual([
      ['owner.created', 'owner', owner?._id],
      ['owner.signed_in', 'owner', owner?._id],
      ['owner.signed_in', 'owner', owner?._id],
    ]);
    expect((await callAs(url(), 'GET', '/dashboard/me', { cookies })).status).toBe(200);
    expect(up.text).not.toContain(owner?._id);
  });

  test('dashboard#1: five wrong codes, the sixth try is 429 even when right, then the pending is gone', async () => {
    const { pendingId, code } = await begin(newEmail());
    for (let tries = 1; tries <= 5; tries += 1) {
      expect(await verify(pendingId, notCode(code))).toMatchObject({ status: 400, body: { code: 'INVALID_CODE' } });
    }
    const sixth = await verify(pendingId, code);
    expect(sixth).toMatchObject({ status: 429, body: { code: 'OTP_ATTEMPTS_EXHAUSTED' } });
    expect([sixth.headers.get('retry-after'), sixth.headers.getSetCookie()]).toEqual([null, []]);
    await waitFor(async () => (await verify(pendingId, code)).body.code === 'EXPIRED');
  });

  test('dashboard#1: a used code is EXPIRED; of parallel right ones one signs in', async () => {
    const email = newEmail();
    const { pendingId, code } = await begin(email);
    const answers = await Promise.all([0, 1, 0, 1].map((node) => verify(pendingId, code, node)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400]);
    for (const { status, body } of answers) if (status === 400) expect(body.code).toBe('EXPIRED');
    expect(await verify(pendingId, code)).toMatchObject({ status: 400, body: { code: 'EXPIRED' } });
    const owner = await database.owners.findOne({ email });
    expect(await database.ownerSessions.countDocuments({ ownerId: owner?._id })).toBe(1);
  });

  test('dashboard#2: two first sign-ins at once make one owner, however the address is typed', async () => {
    const email = newEmail();
    const one = await begin(`  ${email.toUpperCase()} `.trim());
    await clearCooldown(database, email);
    const asked = await request(`\t ${email.replace('person', 'PerSon')}  `);
    const two = { pendingId: asked.body.pending_id, code: await codeFor(stack, email, 2) };
    const answers = await Promise.all([verify(one.pendingId, one.code, 0), verify(two.pendingId, two.code, 1)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[0]?.body).toEqual(answers[1]?.body);
    expect(await database.owners.find({ email }).toArray()).toHaveLength(1);
    const actions = (await database.auditEvents.find({ action: /^owner/ }).toArray()).length;
    expect(actions).toBeGreaterThanOrEqual(3);
  });

  test('the code counters of an address are shared with the flows of agents', async () => {
    const email = newEmail();
    await begin(email);
    const handle = `agent-${randomBytes(4).toString('hex')}`;
    const register = await call(url(), 'POST', '/v1/register', { body: { email, handle } });
    expect(register).toMatchObject({ status: 429, body: { code: 'OTP_COOLDOWN' } });
    const again = await request(email);
    expect(again).toMatchObject({ status: 429, body: { code: 'OTP_COOLDOWN' } });
    expect(Number(again.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    await database.codeCounters.updateMany({}, { $set: { cooldownUntil: null, sentInHour: 20 } });
    expect(await request(email)).toMatchObject({ status: 429, body: { code: 'OTP_HOURLY_CAP' } });
    await database.codeCounters.deleteMany({});
  });

  test('a newer code leaves the older valid', async () => {
    const email = newEmail();
    const one = await begin(email);
    await clearCooldown(database, email);
    const two = await begin(email, 2);
    expect((await verify(one.pendingId, one.code)).status).toBe(200);
    expect((await verify(two.pendingId, two.code)).status).toBe(200);
  });

  test('a code for an agent signs nobody in, a sign-in code makes no agent', async () => {
    const email = newEmail();
    const registration = await call(url(), 'POST', '/v1/register', {
      body: { email, handle: `agent-${randomBytes(4).toString('hex')}` },
    });
    const code = await codeFor(stack, email);
    expect(await verify(registration.body.pending_id, code)).toMatchObject({ body: { code: 'EXPIRED' } });
    await clearCooldown(database, email);
    const signIn = await begin(email, 2);
    for (const path of ['/v1/register/verify', '/v1/agents/recover/verify']) {
      const crossed = await call(url(), 'POST', path, { body: { pending_id: signIn.pendingId, code: signIn.code } });
      expect(crossed).toMatchObject({ status: 400, body: { code: 'EXPIRED' } });
    }
    expect((await verify(signIn.pendingId, signIn.code)).status).toBe(200);
  });

  test('the checks in their order: the body, then the pending', async () => {
    for (const email of ['', 'no-address', 5, null, undefined, 'a@b', `${'x'.repeat(250)}@example.com`]) {
      expect(await request(email)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    }
    for (const [pendingId, code] of [
      ['', '123456'],
      ['dpnd_x', '12345'],
      ['dpnd_x', 123456],
      [undefined, undefined],
    ]) {
      expect(await verify(pendingId, code)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    }
    expect(await verify('dpnd_unknown', '12345a')).toMatchObject({ status: 400, body: { code: 'EXPIRED' } });
  });

  test('a mail that is refused is a 500 that leaves neither cooldown nor pending', async () => {
    const email = newEmail();
    stack.mailbox.refuse(true);
    expect(await request(email)).toMatchObject({ status: 500, body: { code: 'OTP_FAILED' } });
    stack.mailbox.refuse(false);
    expect(await database.pendings.countDocuments({ email })).toBe(0);
    await begin(email);
  });

  test('an api that dies between its commit and telling the flow: the worker tells it', async () => {
    const { pendingId, code } = await begin(newEmail());
    const [key] = parseConfig({ SECRET_KEYS: stack.secretKeys }).SECRET_KEYS;
    if (key === undefined) throw new Error('the stack has a key');
    const workflowId = codeFlowId('sign-in', pendingId);
    const handle = client.workflow.getHandle(workflowId);
    const proof = codeProof(key, pendingId, code);
    expect(await handle.executeUpdate(verifyUpdate, { args: [{ proof }] })).toEqual({ kind: 'consumed' });
    expect(await verify(pendingId, code)).toMatchObject({ status: 400, body: { code: 'EXPIRED' } });
    const row = { _id: newOutboxId(), kind: 'flow.committed', workflowId, ownerId: 'some-owner' } as const;
    await database.outbox.insertOne({ ...row, createdAt: new Date(0) });
    expect(await handle.result()).toEqual({ outcome: 'verified', attempts: 1 });
    await waitFor(async () => (await database.outbox.countDocuments({ workflowId })) === 0);
  });

  test('operators find a sign-in by its stage, and see what it waits for', async () => {
    const email = newEmail();
    const { pendingId, code } = await begin(email);
    const handle = client.workflow.getHandle(codeFlowId('sign-in', pendingId));
    expect(await handle.query(stateQuery)).toEqual({ stage: 'waiting_for_code', attempts: 0, mail: 'sent' });
    expect((await verify(pendingId, code)).status).toBe(200);
    expect(await handle.result()).toEqual({ outcome: 'verified', attempts: 1 });
    const { typedSearchAttributes } = await handle.describe();
    const own = typedSearchAttributes.getAll().filter(({ key }) => !/^(BuildIds|Temporal)/.test(key.name));
    expect(own.map(({ key, value }) => [key.name, value])).toEqual([['Stage', 'verified']]);
    expect(await database.pendings.countDocuments({ _id: pendingId })).toBe(0);
    await waitFor(async () => (await database.outbox.countDocuments({ kind: 'flow.committed' })) === 0);
  });

  // Last: it ends the workers.
  test('no worker: 503 with Retry-After, no pending, no mail when one is back; sessions go on', async () => {
    const email = newEmail();
    const owner = await signInOwner(stack);
    for (const worker of stack.workers.filter((child) => child.isRunning())) await stack.kill(worker);
    const refused = await request(email);
    expect(refused).toMatchObject({ status: 503, body: { code: 'SERVICE_UNAVAILABLE' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await database.pendings.countDocuments({ email })).toBe(0);
    expect((await owner.call('GET', '/dashboard/me')).status).toBe(200);
    expect((await owner.call('POST', '/dashboard/auth/refresh')).status).toBe(200);
    await stack.startWorker();
    await begin(email);
    expect(stack.mailbox.messages(email)).toHaveLength(1);
  });
});
