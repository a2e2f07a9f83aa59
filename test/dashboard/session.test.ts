import { retryDelayMs } from '../../dashboard/src/model/backoff';
import { ACCESS_LIFE_MS, renewInMs } from '../../dashboard/src/model/session-life';
import { createApi } from '../../dashboard/src/net/api';

const MINUTE = 60_000;

test('§9: reconnects wait 1, 2, 4, 8, 16, then 30 s', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 50].map(retryDelayMs)).toEqual([
    1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
  ]);
});

test('§3.4: the session is renewed when less than 15 minutes of its access token remain', () => {
  expect(renewInMs(null, 0)).toBeNull();
  expect(renewInMs(0, 0)).toBe(45 * MINUTE);
  expect(renewInMs(0, 44 * MINUTE)).toBe(MINUTE);
  expect(renewInMs(0, 45 * MINUTE)).toBe(0);
  expect(renewInMs(0, 10 * ACCESS_LIFE_MS)).toBe(0);
  // The clock was set back by a day.
  expect(renewInMs(24 * 60 * MINUTE, 0)).toBe(45 * MINUTE);
});

describe('§3.4: the client rule of sessions', () => {
  const json = (status: number, body: object) => new Response(JSON.stringify(body), { status });
  const unauthorized = json(401, { code: 'UNAUTHORIZED', message: 'No session' });

  /** A server whose session is good once it was renewed; `refresh` is how renewals end. */
  function rig({
    isGood,
    refresh,
    renewedAt = null,
  }: {
    isGood: boolean;
    refresh: () => Response | null;
    renewedAt?: number | null;
  }) {
    let good = isGood;
    const seen: string[] = [];
    const memory = { at: renewedAt };
    let signedOut = 0;
    const api = createApi({
      nowMs: () => 100 * MINUTE,
      renewedAt: { get: () => memory.at, set: (ms) => void (memory.at = ms) },
      onSignedOut: () => void (signedOut += 1),
      fetch: (path, init) => {
        seen.push(`${init.method ?? ''} ${path}`);
        if (path !== '/dashboard/auth/refresh')
          return Promise.resolve(good ? json(200, { ok: true }) : unauthorized.clone());
        const answer = refresh();
        if (answer === null) return Promise.reject(new TypeError('network'));
        good ||= answer.ok;
        return Promise.resolve(answer);
      },
    });
    return { api, seen, memory, signedOuts: () => signedOut };
  }

  test('a 401 is answered by one renewal and one repeat; calls in flight together share it', async () => {
    const { api, seen, memory } = rig({ isGood: false, refresh: () => json(200, {}) });
    await Promise.all([api.call('GET', '/dashboard/a'), api.call('GET', '/dashboard/b')]);
    expect(seen.filter((line) => line.includes('refresh'))).toHaveLength(1);
    expect(seen.filter((line) => line.endsWith('/a'))).toHaveLength(2);
    expect(memory.at).toBe(100 * MINUTE);
  });

  test('an old session is renewed before it is used', async () => {
    const { api, seen } = rig({ isGood: true, refresh: () => json(200, {}), renewedAt: 50 * MINUTE });
    await api.call('GET', '/dashboard/a');
    expect(seen).toEqual(['POST /dashboard/auth/refresh', 'GET /dashboard/a']);
    await api.call('GET', '/dashboard/b');
    expect(seen).toHaveLength(3);
  });

  test.each([401, 403])('a renewal that answers %i ends the session', async (status) => {
    const { api, memory, signedOuts } = rig({ isGood: false, refresh: () => json(status, {}), renewedAt: 99 * MINUTE });
    await expect(api.call('GET', '/dashboard/a')).rejects.toMatchObject({ status: 401 });
    expect(signedOuts()).toBe(1);
    expect(memory.at).toBeNull();
  });

  test.each([
    ['503', () => json(503, { code: 'REFRESH_UNAVAILABLE', message: 'Later' })],
    ['nothing at all', () => null],
  ])('a renewal that answers %s changes nothing: the cookies may still be good', async (_name, refresh) => {
    const { api, signedOuts } = rig({ isGood: true, refresh, renewedAt: 0 });
    await expect(api.call('GET', '/dashboard/a')).resolves.toEqual({ ok: true });
    expect(signedOuts()).toBe(0);
  });

  test('an owner that is gone is signed out without a renewal', async () => {
    const seen: string[] = [];
    let signedOut = false;
    const api = createApi({
      nowMs: () => 0,
      renewedAt: { get: () => null, set: () => undefined },
      onSignedOut: () => void (signedOut = true),
      fetch: (path) => {
        seen.push(path);
        return Promise.resolve(json(401, { code: 'OWNER_NOT_FOUND', message: 'Gone' }));
      },
    });
    await expect(api.call('GET', '/dashboard/a')).rejects.toMatchObject({ code: 'OWNER_NOT_FOUND' });
    expect(seen).toEqual(['/dashboard/a']);
    expect(signedOut).toBe(true);
  });

  test('a refusal carries its code, its words and how long to wait', async () => {
    const api = createApi({
      nowMs: () => 0,
      renewedAt: { get: () => null, set: () => undefined },
      onSignedOut: () => undefined,
      fetch: () =>
        Promise.resolve(
          new Response(JSON.stringify({ code: 'OTP_COOLDOWN', message: 'Wait' }), {
            status: 429,
            headers: { 'Retry-After': '42' },
          }),
        ),
    });
    await expect(api.callOpen('POST', '/dashboard/auth/otp/request', {})).rejects.toMatchObject({
      status: 429,
      code: 'OTP_COOLDOWN',
      message: 'Wait',
      retryAfterS: 42,
    });
  });
});

test('what is wrong with fields of a request is read from its refusal, whatever shape that has', async () => {
  const refusedWith = async (body: unknown): Promise<unknown> => {
    const fetch = () => Promise.resolve(new Response(JSON.stringify(body), { status: 400 }));
    const api = createApi({
      nowMs: () => 0,
      renewedAt: { get: () => 0, set: () => undefined },
      onSignedOut: () => undefined,
      fetch,
    });
    return api.call('PUT', '/api/a', {}).catch((error: unknown) => (error as { fields: unknown }).fields);
  };
  const details = { formErrors: [], fieldErrors: { price: ['Required', 7], pay_to: 'odd' } };
  expect(await refusedWith({ code: 'VALIDATION_ERROR', message: 'No', details })).toEqual({
    price: ['Required'],
    pay_to: [],
  });
  for (const body of [null, 'text', {}, { details: null }, { details: { fieldErrors: null } }]) {
    expect(await refusedWith(body)).toEqual({});
  }
});
