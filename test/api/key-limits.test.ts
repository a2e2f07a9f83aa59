import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { useStack } from '../support/use-stack';

describe('request windows of key recovery and rotation', () => {
  const { database, url } = useStack({ workers: 0, env: { RATE_LIMITS: 'on', TRUSTED_IP_HEADER: 'x-edge-ip' } });

  const post = (path: string, ip: string, options: { key?: string; body?: unknown } = {}): Promise<CallAnswer> =>
    call(url(), 'POST', path, { ...options, headers: { 'x-edge-ip': ip } });
  const codes = async (times: number, ask: () => Promise<CallAnswer>): Promise<string[]> => {
    const seen: string[] = [];
    for (let asked = 0; asked < times; asked += 1) seen.push((await ask()).body.code);
    return seen;
  };
  const limited = (scope: string, limit: number) => ({
    status: 429,
    body: { code: 'RATE_LIMITED', details: { scope, limit, retry_after_ms: expect.any(Number) } },
  });

  test('the fourth recovery of an address in an hour is 429, whatever its body', async () => {
    const ask = () => post('/v1/agents/recover', '10.1.0.1', { body: 'no json' });
    expect(await codes(3, ask)).toEqual(Array(3).fill('VALIDATION_ERROR'));
    const fourth = await ask();
    expect(fourth).toMatchObject(limited('recover', 3));
    expect(Number(fourth.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await post('/v1/agents/recover', '10.1.0.2', { body: '{}' })).status).toBe(400);
  });

  test('the eleventh verification of a recovery of an address in ten minutes is 429', async () => {
    const body = { pending_id: 'pnd_unknown', code: '123456' };
    const ask = () => post('/v1/agents/recover/verify', '10.1.1.1', { body });
    expect(await codes(10, ask)).toEqual(Array(10).fill('EXPIRED'));
    expect(await ask()).toMatchObject(limited('recover_verify', 10));
  });

  test('rotations count per address and path, after authentication and before ownership', async () => {
    const [one, other] = [await createTestAgent(database), await createTestAgent(database)];
    const rotate = (by: TestAgent, handle: string, ip = '10.1.2.1', key = by.apiKey) =>
      post(`/v1/agents/${handle}/rotate-key`, ip, { key });
    const foreign = other.agent.handle;
    expect(await codes(5, () => rotate(one, foreign, '10.1.2.1', 'ac_live_wrong'))).toEqual(
      Array(5).fill('UNAUTHORIZED'),
    );
    expect(await codes(3, () => rotate(one, foreign))).toEqual(Array(3).fill('FORBIDDEN'));
    expect(await rotate(one, `@${foreign.toUpperCase()}`)).toMatchObject(limited('rotate_key', 3));
    expect((await rotate(one, 'another-path')).body.code).toBe('FORBIDDEN');
    expect((await rotate(one, foreign, '10.1.2.2')).body.code).toBe('FORBIDDEN');
    const verify = () => post(`/v1/agents/${foreign}/rotate-key/verify`, '10.1.2.1', { key: one.apiKey, body: {} });
    expect(await codes(10, verify)).toEqual(Array(10).fill('FORBIDDEN'));
    expect(await verify()).toMatchObject(limited('rotate_key_verify', 10));
  });
});
