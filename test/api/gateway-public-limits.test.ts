import { PUBLIC_LIMITS } from '../../contract/limits';
import { hashLinkToken } from '../../platform/link-tokens';
import { hitRateWindow } from '../../store/schema/rate-windows';
import { startEcho, type GatewayUser } from '../support/gateway';
import { newLink, ownerOf, visitorCalls, type TestLink } from '../support/public-chat';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

let addresses = 0;
const newAddress = (): string => `10.1.${Math.floor((addresses += 1) / 250)}.${addresses % 250}`;

/** gateway.md §6.2: windows of the public chat, exact over all processes. */
describe('request windows of the public chat', () => {
  const { stack, database, url } = useStack({ apis: 2, env: { RATE_LIMITS: 'on', TRUST_PROXY: 'on' } });
  const visitor = visitorCalls(url);
  const WRONG = 'A'.repeat(32);
  let echo: SdkAgent;
  let owner: GatewayUser;
  let link: TestLink;

  beforeAll(async () => {
    echo = await startEcho(database, url());
    owner = await ownerOf(stack, echo);
    link = await newLink(owner, echo);
  });
  afterAll(() => echo.disconnect());

  /** Fixed windows are aligned to the epoch: a test that counts must not run across an edge. */
  const awayFromEdge = () =>
    waitFor(() => 60_000 - (Date.now() % 60_000) > 20_000, { describe: 'a window with time in it' });
  const from = (address: string) => ({ 'x-forwarded-for': address });
  const say = (token: string, address: string, body: object = { message: 'Hi' }, node = 0) =>
    visitor.at('POST', `chat/${token}`, { body, headers: from(address) }, node);
  const fill = async (scope: keyof typeof PUBLIC_LIMITS, subject: string, hits: number) => {
    for (let hit = 0; hit < hits; hit += 1)
      await hitRateWindow(database, `public_${scope}`, subject, PUBLIC_LIMITS[scope]);
  };

  test('gateway#9: the 31st message in a minute from one address is a 429, whatever its token is worth', async () => {
    const address = newAddress();
    await awayFromEdge();
    expect((await say(link.token, address)).status).toBe(200);
    for (let count = 2; count <= 30; count += 1) {
      const { status } = await say(WRONG, address, { message: 'Hi' }, count % 2);
      expect([count, status]).toEqual([count, 404]);
    }
    for (const [token, node] of [
      [link.token, 0],
      [WRONG, 1],
    ] as const) {
      const { status, body, headers } = await say(token, address, { message: 'Hi' }, node);
      expect([status, body.code, body.details.scope]).toEqual([429, 'RATE_LIMITED', 'public_messages']);
      expect(headers.get('retry-after')).toBe(String(Math.ceil(body.details.retry_after_ms / 1_000)));
    }
    expect((await say(link.token, newAddress())).status).toBe(200);
  });

  test('gateway#9: a forged X-Forwarded-For opens no new window: only what the proxy added counts', async () => {
    const address = newAddress();
    await awayFromEdge();
    await fill('messages', address, 30);
    for (let forged = 0; forged < 3; forged += 1) {
      expect((await say(link.token, `192.0.2.${forged}, ${address}`)).status).toBe(429);
    }
    expect((await say(link.token, `${address}, ${newAddress()}`)).status).toBe(200);
  });

  test('the 61st call that names a token in a minute is a 429; all public routes share the window', async () => {
    const address = newAddress();
    await awayFromEdge();
    const headers = from(address);
    const calls = [
      () => visitor.at('GET', `link/${WRONG}`, { headers }),
      () => visitor.at('GET', `history/${WRONG}`, { headers }, 1),
      () => visitor.at('GET', `executions/${WRONG}/exe_1/status`, { headers }),
      () => visitor.at('DELETE', `session/${link.token}`, { headers }, 1),
      () => visitor.at('POST', 'verify/confirm', { headers, body: {} }),
    ];
    await fill('lookups', address, 55);
    for (const make of calls) expect((await make()).status).not.toBe(429);
    for (const make of calls) {
      const { status, body } = await make();
      expect([status, body.details.scope]).toEqual([429, 'public_lookups']);
    }
    expect((await say(link.token, address)).body.details.scope).toBe('public_lookups');
  });

  test('a token takes 60 messages a minute from all addresses, a visitor 10', async () => {
    await awayFromEdge();
    const first = await say(link.token, newAddress());
    const { session_id } = first.body;
    for (let count = 2; count <= 10; count += 1) {
      const { status } = await say(link.token, newAddress(), { message: `${count}`, session_id }, count % 2);
      expect([count, status]).toEqual([count, 200]);
    }
    const full = await say(link.token, newAddress(), { message: 'One too many', session_id });
    expect([full.status, full.body.details.scope]).toEqual([429, 'public_session_messages']);
    await fill('link_messages', hashLinkToken(link.token), 60);
    const busy = await say(link.token, newAddress());
    expect([busy.status, busy.body.details.scope]).toEqual([429, 'public_link_messages']);
    expect((await visitor.at('GET', `link/${link.token}`, { headers: from(newAddress()) })).body.valid).toBe(true);
  });

  test('a link counts the addresses that came over it, each once, and stores none of them', async () => {
    const other = await newLink(owner, echo);
    const [one, two] = [newAddress(), newAddress()];
    await awayFromEdge();
    for (const address of [one, two, one]) expect((await say(other.token, address)).status).toBe(200);
    expect((await owner.call('GET', other.path)).body.usage).toMatchObject({ messages: 3, unique_ips: 2 });
    const rows = JSON.stringify(await database.gatewayLinkAddresses.find().toArray());
    expect(rows).toContain(other.id);
    for (const address of [one, two]) expect(rows).not.toContain(address);
  });
});
