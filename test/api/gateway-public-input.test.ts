import { PUBLIC_MESSAGE_BYTES_MAX } from '../../contract/limits';
import { startEcho } from '../support/gateway';
import { newLink, ownerOf, visitorCalls } from '../support/public-chat';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';

/** What is wrong with a call of a visitor is said before anything is stored, whether its token is worth anything or not. */
describe('bad input of the public chat', () => {
  const { stack, database, url } = useStack({ env: { CORS_ORIGINS: 'https://app.example.com' } });
  const visitor = visitorCalls(url);
  let echo: SdkAgent;
  let tokens: string[];

  beforeAll(async () => {
    echo = await startEcho(database, url());
    tokens = [(await newLink(await ownerOf(stack, echo), echo)).token, 'A'.repeat(32)];
  });
  afterAll(() => echo.disconnect());

  test('a message that is missing, blank, no text or too long is refused, for every token alike', async () => {
    const invalid: unknown[] = [undefined, null, '', ' \n', 7, [], { text: 'hi' }];
    const more = [{ timeout_seconds: 0 }, { timeout_seconds: 301 }, { stream: 'yes' }, { session_id: 7 }];
    for (const token of tokens) {
      for (const body of [
        ...invalid.map((message) => ({ message })),
        ...more.map((one) => ({ message: 'x', ...one })),
      ]) {
        const refused = await visitor.at('POST', `chat/${token}`, { body });
        expect([body, refused.status, refused.body.code]).toEqual([body, 400, 'VALIDATION_ERROR']);
        expect(refused.body.detail).toBe(refused.body.message);
      }
      for (const body of ['', '{', 'null', '[]', '"hi"']) {
        expect((await visitor.at('POST', `chat/${token}`, { body })).status).toBe(400);
      }
      for (const message of ['x'.repeat(PUBLIC_MESSAGE_BYTES_MAX + 1), '\u0001'.repeat(PUBLIC_MESSAGE_BYTES_MAX)]) {
        const refused = await visitor.say(token, message);
        expect([refused.status, refused.body.code]).toEqual([413, 'CONTENT_TOO_LARGE']);
        expect(refused.body.details).toEqual({ max_bytes: PUBLIC_MESSAGE_BYTES_MAX });
      }
      for (const body of [{ token }, { token, email: 'nobody' }, { token, email: 7 }]) {
        expect((await visitor.at('POST', 'verify/request', { body })).status).toBe(400);
        expect((await visitor.at('POST', 'verify/confirm', { body: { ...body, code: '123456' } })).status).toBe(400);
      }
    }
    expect(await database.gatewaySessions.countDocuments()).toBe(0);
    expect(await database.gatewayExecutions.countDocuments()).toBe(0);
  });

  test('the largest message there can be reaches the agent as it is', async () => {
    const message = `${'x'.repeat(PUBLIC_MESSAGE_BYTES_MAX - 4)}🙂`;
    expect((await visitor.say(tokens[0] ?? '', message)).status).toBe(200);
    expect(echo.received.at(-1)?.content.text).toBe(message);
  });

  test('a link that asks for no address mails no codes', async () => {
    const { status, body } = await visitor.at('POST', 'verify/request', {
      body: { token: tokens[0], email: 'visitor@example.com' },
    });
    expect([status, body.code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(stack.mailbox.messages('visitor@example.com')).toEqual([]);
  });

  test('paths that only look like those of the public chat are unknown', async () => {
    for (const path of ['chat', 'chat/', `chat/${tokens[0]}/more`, `executions/${tokens[0]}`, 'verify']) {
      const { status, body } = await visitor.at('POST', path, { body: {} });
      expect([path, status, body.code]).toEqual([path, 404, 'NOT_FOUND']);
    }
  });

  test('where other origins are listed, any page may still call the public chat, and only that', async () => {
    const headers = { origin: 'https://blog.example' };
    const open = await visitor.at('GET', `link/${tokens[0]}`, { headers });
    expect(open.headers.get('access-control-allow-origin')).toBe('*');
    const listed = await fetch(`${url()}/api/agents`, { headers });
    expect(listed.headers.get('access-control-allow-origin')).toBeNull();
  });
});
