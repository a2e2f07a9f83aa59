import type { Parsed } from '../support/agents';
import { clearCooldown, codeFor, notCode } from '../support/codes';
import { startEcho, type GatewayUser } from '../support/gateway';
import { newLink, ownerOf, visitorCalls, type TestLink } from '../support/public-chat';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';

let addresses = 0;
const newEmail = (): string => `visitor-${(addresses += 1)}@example.com`;

/** gateway.md §6.2: links that ask for a proven mail address. */
describe('visitors with a proven address', () => {
  const { stack, database, url } = useStack({ apis: 2 });
  const visitor = visitorCalls(url);
  let echo: SdkAgent;
  let owner: GatewayUser;
  let link: TestLink;

  beforeAll(async () => {
    echo = await startEcho(database, url());
    owner = await ownerOf(stack, echo);
    link = await newLink(owner, echo, { require_email: true });
  });
  afterAll(() => echo.disconnect());

  const request = (email: string, token = link.token) =>
    visitor.at('POST', 'verify/request', { body: { token, email } });
  const confirm = (email: string, code: string, token = link.token, node = 0) =>
    visitor.at('POST', 'verify/confirm', { body: { token, email, code } }, node);
  /** Asks for a code, reads it from the mail and proves the address. */
  async function prove(email: string, token = link.token): Promise<Parsed> {
    const mails = stack.mailbox.messages(email.toLowerCase()).length;
    expect((await request(email, token)).status).toBe(200);
    const { status, body } = await confirm(email, await codeFor(stack, email.toLowerCase(), mails + 1), token, 1);
    expect([status, body.verified]).toEqual([200, true]);
    await clearCooldown(database, email.toLowerCase());
    return body;
  }

  test('without a proven address nobody is let in, and nothing is stored', async () => {
    expect((await visitor.link(link.token)).require_email).toBe(true);
    const open = await newLink(owner, echo);
    const { session_id } = (await visitor.say(open.token, 'Hi')).body;
    const turns = await database.gatewayExecutions.countDocuments();
    for (const more of [{}, { session_id }, { session_token: session_id }, { session_token: 'made up' }]) {
      const { status, body } = await visitor.say(link.token, 'Hi', more);
      expect([status, body.code, body.details]).toEqual([401, 'UNAUTHORIZED', { reason: 'email_required' }]);
    }
    expect(await database.gatewayExecutions.countDocuments()).toBe(turns);
  });

  test('the mailed code proves the address, which the agent is told; it is valid for a day', async () => {
    const email = newEmail();
    const asked = await request(email.toUpperCase());
    expect([asked.status, asked.body]).toEqual([200, { message: expect.any(String), expires_in_seconds: 600 }]);
    const { status, body } = await confirm(email, await codeFor(stack, email));
    const { session_token } = body;
    expect([status, body]).toEqual([
      200,
      { verified: true, session_token: expect.stringMatching(/^[\w-]{43}$/), expires_at: expect.any(String) },
    ]);
    const hours = (Date.parse(body.expires_at) - Date.now()) / 3_600_000;
    expect(hours > 23.9 && hours <= 24).toBe(true);
    const said = await visitor.say(link.token, 'Hi', { session_token });
    expect([said.status, said.body.session_id]).toEqual([200, expect.stringMatching(/^[\w-]{22}$/)]);
    const { gateway } = echo.received.at(-1)?.metadata as Parsed;
    expect(gateway.user).toMatchObject({ kind: 'visitor', name: 'Visitor', verified_email: email });
    const sessions = (await owner.call('GET', `/api/agents/${echo.handle}/chat/sessions`)).body.sessions as Parsed[];
    expect(sessions.map(({ user_email }) => user_email)).toContain(email);
    const stored = JSON.stringify(await database.gatewayVisits.find().toArray());
    expect(stored).not.toContain(session_token);
  });

  test('the address is the visitor: another proof of it finds the same session, the name of it nobody', async () => {
    const email = newEmail();
    const first = await prove(email);
    const { session_id } = (await visitor.say(link.token, 'Here', { session_token: first.session_token })).body;
    const second = await prove(email);
    expect(second.session_token).not.toBe(first.session_token);
    const history = await visitor.history(link.token, { session_token: second.session_token });
    expect(history).toMatchObject({ session_id, message_count: 2 });
    expect((await visitor.history(link.token, { session_id })).message_count).toBe(0);
    const other = await prove(newEmail());
    expect((await visitor.history(link.token, { session_token: other.session_token })).message_count).toBe(0);
    const elsewhere = await newLink(owner, echo, { require_email: true });
    expect((await visitor.say(elsewhere.token, 'Hi', { session_token: second.session_token })).status).toBe(401);
  });

  test('turns and the end of a session are for whoever has proven the address', async () => {
    const { session_token } = await prove(newEmail());
    const { body } = await visitor.say(link.token, 'Later', { session_token, async_mode: true });
    expect((await visitor.status(link.token, body.execution_id, { session_id: body.session_id })).status).toBe(404);
    expect((await visitor.status(link.token, body.execution_id, { session_token })).status).toBe(200);
    expect((await visitor.clear(link.token, { session_token })).status).toBe(200);
    expect((await visitor.history(link.token, { session_token })).message_count).toBe(0);
    expect((await visitor.say(link.token, 'Again', { session_token })).body.message_count).toBe(2);
  });

  test('a token is worth nothing once its day is over, whenever it is removed', async () => {
    const { session_token } = await prove(newEmail());
    const past = new Date(Date.now() - 1);
    await database.gatewayVisits.updateMany({ verifiedEmail: { $ne: null } }, { $set: { expiresAt: past } });
    expect((await visitor.say(link.token, 'Hi', { session_token })).status).toBe(401);
  });

  test('five wrong codes use it up; a code that was never asked for is as wrong as any other', async () => {
    const email = newEmail();
    const never = await confirm(newEmail(), '123456');
    await request(email);
    const code = await codeFor(stack, email);
    for (let tried = 0; tried < 5; tried += 1) {
      const { status, text } = await confirm(email, notCode(code), link.token, tried % 2);
      expect([status, text]).toEqual([400, never.text]);
    }
    expect((await confirm(email, code)).body.code).toBe('OTP_ATTEMPTS_EXHAUSTED');
    expect((await confirm(email, code)).body.code).toBe('INVALID_CODE');
  });

  test('a code is for one link and works once, however many confirm it at once', async () => {
    const email = newEmail();
    const other = await newLink(owner, echo, { require_email: true });
    await request(email);
    const code = await codeFor(stack, email);
    expect((await confirm(email, code, other.token)).body.code).toBe('INVALID_CODE');
    const all = await Promise.all([0, 1, 0, 1].map((node) => confirm(email, code, link.token, node)));
    expect(all.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400]);
  });

  test('a second code within a minute is a 429, and mail that is not accepted is told', async () => {
    const email = newEmail();
    expect((await request(email)).status).toBe(200);
    const { status, body } = await request(email);
    expect([status, body.code]).toEqual([429, 'OTP_COOLDOWN']);
    stack.mailbox.refuse(true);
    expect((await request(newEmail())).body.code).toBe('OTP_FAILED');
    stack.mailbox.refuse(false);
  });
});
