import { callAs, signInOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

describe('request windows of the dashboard', () => {
  const { stack, database, url } = useStack({
    workers: 0,
    env: { RATE_LIMITS: 'on', TRUST_PROXY: 'on', PUBLIC_BASE_URL: 'https://chat.example.com' },
  });

  let addresses = 0;
  const newAddress = (): string => `198.51.100.${(addresses += 1)}`;
  /** Windows stand on the clock: none may end in the middle of a test. */
  const inOneWindow = (windowMs: number) =>
    waitFor(() => windowMs - (Date.now() % windowMs) > 8_000, { describe: 'a fresh window' });

  test.each([
    ['/dashboard/auth/otp/request', 'dashboard_otp', 5, 3_600_000, 400],
    ['/dashboard/auth/otp/verify', 'dashboard_verify', 10, 600_000, 400],
    ['/dashboard/auth/refresh', 'dashboard_refresh', 30, 60_000, 401],
    // counted before anybody is authenticated
    ['/dashboard/agents/claim', 'dashboard_claim', 20, 600_000, 401],
  ])('%s: %s allows %s calls of an address', async (path, scope, limit, windowMs, status) => {
    await inOneWindow(windowMs);
    const address = newAddress();
    const post = (from: string, origin?: string) => {
      const headers = { 'x-forwarded-for': `1.2.3.4, ${from}`, ...(origin === undefined ? {} : { origin }) };
      return callAs(url(), 'POST', path, { body: {}, headers });
    };
    // One from a foreign page counts, too.
    expect((await post(address, 'https://evil.example.com')).status).toBe(403);
    for (let call = 2; call <= limit; call += 1) expect((await post(address)).status).toBe(status);
    const refused = await post(address);
    expect([refused.status, refused.body]).toEqual([
      429,
      {
        code: 'RATE_LIMITED',
        message: expect.any(String),
        details: { retry_after_ms: expect.any(Number), scope, limit },
      },
    ]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await post(newAddress())).status).toBe(status);
  });

  test('an owner may make 600 other calls a minute, whatever the address they come from', async () => {
    const owner = await signInOwner(stack);
    const me = () => owner.call('GET', '/dashboard/me', { headers: { 'x-forwarded-for': newAddress() } });
    await inOneWindow(60_000);
    expect((await me()).status).toBe(200);
    const row = `owner_dashboard:${owner.id}`;
    await database.rateWindows.updateOne({ _id: row }, { $set: { count: 599 } });
    expect((await me()).status).toBe(200);
    const refused = await me();
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED', details: { limit: 600 } } });
    expect((await owner.call('POST', '/dashboard/agents/claim', { body: { api_key: 'x' } })).status).toBe(404);
    expect((await owner.call('POST', '/dashboard/auth/refresh')).status).toBe(200);
    const stranger = await signInOwner(stack);
    expect((await stranger.call('GET', '/dashboard/me')).status).toBe(200);
  });
});
