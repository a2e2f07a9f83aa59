import { randomBytes } from 'node:crypto';
import { codeIn } from '../../local/mailbox';
import { deriveCode } from '../../platform/codes';
import { parseConfig } from '../../platform/config';
import { emailKey } from '../../store/accounts/create-agent';
import { codeFlowId, stateQuery } from '../../workflows/messages/code-by-mail';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { clearCooldown, codeFor, notCode } from '../support/codes';
import { signInOwner, type TestOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/**
 * A code has six digits, and whoever knows an address can ask for codes to it from as many hosts as they like: only what
 * is counted per address bounds how often they may guess. The same must not shut out whoever can prove more.
 */
describe('guessing the codes of an address', () => {
  const { stack, database, client, url } = useStack({ env: { RATE_LIMITS: 'on', TRUSTED_IP_HEADER: 'x-edge-ip' } });

  /** Each call comes from an address of its own. */
  const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<CallAnswer> => {
    const address = [...randomBytes(3)].join('.');
    const type = { 'content-type': 'application/json' };
    return call(url(), 'POST', path, { body, headers: { ...type, 'x-edge-ip': `10.${address}`, ...headers } });
  };
  const recover = (email: string, more: object = {}) => post('/v1/agents/recover', { email, ...more });
  const verify = (pending_id: string, code: string) => post('/v1/agents/recover/verify', { pending_id, code });
  const requestSignIn = (email: string, headers = {}) => post('/dashboard/auth/otp/request', { email }, headers);
  const signIn = (pending_id: string, code: string) => post('/dashboard/auth/otp/verify', { pending_id, code });
  const keyOf = ({ apiKey }: TestAgent) => ({ authorization: `Bearer ${apiKey}` });
  const rotate = (one: TestAgent) => post(`/v1/agents/${one.agent.handle}/rotate-key`, {}, keyOf(one));
  const verifyRotation = (one: TestAgent, pending_id: string, code: string) =>
    post(`/v1/agents/${one.agent.handle}/rotate-key/verify`, { pending_id, code }, keyOf(one));

  /** The code that would be right for a pending, mailed or not. */
  const codeOf = (pendingId: string): string => {
    const [key] = parseConfig({ SECRET_KEYS: stack.secretKeys }).SECRET_KEYS;
    if (key === undefined) throw new Error('no secret key');
    return deriveCode(key, pendingId);
  };
  const livePendings = (email: string) => database.pendings.countDocuments({ email, purpose: 'recover' });
  const mailsTo = (email: string) => stack.mailbox.messages(email);
  /** Wrong codes of strangers, as though they had been compared now. */
  const guess = (email: string, count: number) =>
    database.wrongCodes.insertOne({
      _id: emailKey(email),
      tries: Array.from({ length: count }, (_, at) => ({ id: `pnd_old:${at}`, budget: 'anybody', at: new Date() })),
      expiresAt: new Date(Date.now() + 86_400_000),
    });
  const useUpHour = (email: string) =>
    database.codeCounters.insertOne({
      _id: emailKey(email),
      cooldownUntil: null,
      hourStartedAt: new Date(),
      sentInHour: 20,
      takenBy: [],
      expiresAt: new Date(Date.now() + 3_600_000),
    });

  test('identity#32: with and without a handle, at once and in later minutes: one live recovery, one code', async () => {
    const { email, handle } = (await createTestAgent(database)).agent;
    const named = [{}, { handle }, { handle: 'somebody-else' }, { handle: `@${handle.toUpperCase()}` }];
    const first = await recover(email);
    const asked = [first, ...(await Promise.all([...named, ...named].map((more) => recover(email, more))))];
    await codeFor(stack, email);
    for (let minute = 1; minute <= 4; minute += 1) {
      await clearCooldown(database, email);
      asked.push(await recover(email, named[minute % named.length]));
      await codeFor(stack, email, minute + 1);
      expect(await livePendings(email)).toBe(1);
    }
    expect(new Set(asked.map(({ body }) => body.pending_id)).size).toBe(1);
    const mails = mailsTo(email);
    expect(new Set(mails.map(codeIn)).size).toBe(1);
    expect(new Set(mails.map(({ message_id }) => message_id)).size).toBe(5);
    expect((await verify(first.body.pending_id, await codeFor(stack, email))).status).toBe(200);
  });

  /** Everything of an answer that is not its id or its time. */
  const shapeOf = ({ status, headers, text }: CallAnswer): string => {
    const kept = [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
    return JSON.stringify([status, kept, text.replace(/pnd_[\w-]{16}/, 'pnd_')]);
  };

  test('identity#32: 30 wrong codes in a day, then every code is wrong, for nobody in the same bytes', async () => {
    const { email, handle } = (await createTestAgent(database)).agent;
    const shapes: string[][] = [];
    for (const address of [email, `no-${email}`]) {
      const answers: CallAnswer[] = [];
      for (let round = 0; round < 7; round += 1) {
        await clearCooldown(database, address);
        const started = await recover(address, round % 2 === 0 ? {} : { handle });
        const { pending_id } = started.body;
        expect(await livePendings(address)).toBe(1);
        answers.push(started);
        for (let tried = 1; tried <= 6; tried += 1) answers.push(await verify(pending_id, notCode(codeOf(pending_id))));
        await waitFor(async () => (await livePendings(address)) === 0);
      }
      const row = await database.wrongCodes.findOne({ _id: emailKey(address) });
      expect(row?.tries).toHaveLength(30);
      shapes.push(answers.map(shapeOf));
    }
    expect(shapes[1]).toEqual(shapes[0]);
    await clearCooldown(database, email);
    const { pending_id } = (await recover(email)).body;
    await waitFor(() => database.pendings.findOne({ _id: pending_id, hasCode: true }));
    expect((await verify(pending_id, codeOf(pending_id))).body.code).toBe('INVALID_CODE');
    // The day is over.
    const [first] = (await database.wrongCodes.findOne({ _id: emailKey(email) }))?.tries ?? [];
    await database.wrongCodes.updateOne(
      { _id: emailKey(email), 'tries.id': first?.id },
      { $set: { 'tries.$.at': new Date(Date.now() - 86_400_000) } },
    );
    expect((await verify(pending_id, codeOf(pending_id))).status).toBe(200);
  });

  test('identity#32: what is guessed at sign-ins and registrations counts for recoveries, and the reverse', async () => {
    const { email } = (await createTestAgent(database)).agent;
    await guess(email, 28);
    const signingIn = await requestSignIn(email);
    const code = await codeFor(stack, email);
    for (let tried = 1; tried <= 2; tried += 1) {
      expect((await signIn(signingIn.body.pending_id, notCode(code))).body.code).toBe('INVALID_CODE');
    }
    expect((await signIn(signingIn.body.pending_id, code)).body.code).toBe('INVALID_CODE');
    await clearCooldown(database, email);
    const { pending_id } = (await recover(email)).body;
    expect((await verify(pending_id, await codeFor(stack, email, 2))).body.code).toBe('INVALID_CODE');
    const fresh = `new-${email}`;
    await guess(fresh, 30);
    const started = await post('/v1/register', { email: fresh, handle: `new-${randomBytes(4).toString('hex')}` });
    const registering = { pending_id: started.body.pending_id, code: await codeFor(stack, fresh) };
    expect((await post('/v1/register/verify', registering)).body.code).toBe('INVALID_CODE');
  });

  test('identity#32: right codes use nothing up, however many there are', async () => {
    const email = `often-${randomBytes(4).toString('hex')}@example.com`;
    await guess(email, 29);
    for (let mails = 1; mails <= 3; mails += 1) {
      const { body } = await requestSignIn(email);
      expect((await signIn(body.pending_id, await codeFor(stack, email, mails))).status).toBe(200);
      await clearCooldown(database, email);
    }
    expect((await database.wrongCodes.findOne({ _id: emailKey(email) }))?.tries).toHaveLength(29);
  });

  test('identity#33: after the hourly mails no code is right for a recovery, not even the right one', async () => {
    const { email } = (await createTestAgent(database)).agent;
    await useUpHour(email);
    const { pending_id } = (await recover(email)).body;
    const flow = client.workflow.getHandle(codeFlowId('recovery', pending_id));
    await waitFor(async () => (await flow.query(stateQuery)).mail === 'not_sent');
    expect((await verify(pending_id, codeOf(pending_id))).body.code).toBe('INVALID_CODE');
    expect(mailsTo(email)).toEqual([]);
    // The next hour: the same pending, asked for again, has its mail and its code.
    await database.codeCounters.updateOne({ _id: emailKey(email) }, { $set: { sentInHour: 0 } });
    await clearCooldown(database, email);
    expect((await recover(email)).body.pending_id).toBe(pending_id);
    expect((await verify(pending_id, await codeFor(stack, email))).status).toBe(200);
  });

  test('identity#33: a code that a cooldown holds back is right for nobody before its mail is due', async () => {
    const { email } = (await createTestAgent(database)).agent;
    await useUpHour(email);
    const cooldown = { cooldownUntil: new Date(Date.now() + 6_000), sentInHour: 1 };
    await database.codeCounters.updateOne({ _id: emailKey(email) }, { $set: cooldown });
    const { pending_id } = (await recover(email)).body;
    expect((await verify(pending_id, codeOf(pending_id))).body.code).toBe('INVALID_CODE');
    expect((await verify(pending_id, await codeFor(stack, email))).status).toBe(200);
  });

  test('identity#33: hour and guesses used up: a rotation and a known device still have mail and code', async () => {
    const one = await createTestAgent(database);
    const { email } = one.agent;
    const [owner, other] = [await signInOwner(stack, email), await signInOwner(stack)];
    const cookieOf = ({ cookies }: TestOwner) => ({ cookie: cookies });
    await useUpHour(email);
    await guess(email, 30);
    for (const headers of [{}, cookieOf(other), { cookie: 'ac_dashboard_refresh=made-up' }]) {
      expect(await requestSignIn(email, headers)).toMatchObject({ status: 429, body: { code: 'OTP_HOURLY_CAP' } });
    }
    const device = await requestSignIn(email, cookieOf(owner));
    expect((await signIn(device.body.pending_id, await codeFor(stack, email))).status).toBe(200);
    await clearCooldown(database, email);
    const rotating = await rotate(one);
    const code = await codeFor(stack, email, 2);
    expect((await verifyRotation(one, rotating.body.pending_id, notCode(code))).body.code).toBe('INVALID_CODE');
    expect((await verifyRotation(one, rotating.body.pending_id, code)).status).toBe(200);
  });

  test('identity#33: a session that is over makes no known device', async () => {
    const owner = await signInOwner(stack);
    await useUpHour(owner.email);
    await database.ownerSessions.updateOne({ _id: owner.sessionId }, { $set: { expiresAt: new Date() } });
    const refused = await requestSignIn(owner.email, { cookie: owner.cookies });
    expect(refused).toMatchObject({ status: 429, body: { code: 'OTP_HOURLY_CAP' } });
  });

  test('identity#33: a gateway user who shows a session has a code that strangers cannot burn', async () => {
    const owner = await signInOwner(stack);
    const { email } = owner;
    const session = { authorization: `Bearer ${owner.accessToken}` };
    await useUpHour(email);
    await guess(email, 30);
    expect((await post('/api/auth/email/request', { email })).body.code).toBe('OTP_HOURLY_CAP');
    expect((await post('/api/auth/email/request', { email }, session)).status).toBe(200);
    const code = await codeFor(stack, email);
    for (let tried = 1; tried <= 7; tried += 1) {
      expect((await post('/api/auth/email/verify', { email, code })).status).toBe(401);
    }
    expect((await post('/api/auth/email/verify', { email, code: notCode(code) }, session)).status).toBe(401);
    expect((await post('/api/auth/email/verify', { email, code }, session)).status).toBe(200);
  });
});
