import { parseConfig } from '../../platform/config';
import { createHttpFacilitator } from '../../platform/x402/facilitator';
import { startReceiver } from '../support/receiver';
import { use } from '../support/use';

const environment = { SECRET_KEYS: `a:${'A'.repeat(44)}` };
const production = { ...environment, NODE_ENV: 'production', PUBLIC_BASE_URL: 'https://chat.example.com' };
const CALL = { x402Version: 2, paymentPayload: { secret: 'x' }, paymentRequirements: {} } as const;

describe('X402_FACILITATOR', () => {
  test('gateway.md §6.3: is local or an https URL, and in production the latter', () => {
    const accepted = ['local', 'https://x402.example.com/facilitator', 'http://127.0.0.1:4021', 'http://[::1]:1'];
    for (const value of accepted) expect(parseConfig({ ...environment, X402_FACILITATOR: value })).toBeTruthy();
    for (const value of ['remote', 'http://x402.example.com', 'ftp://127.0.0.1', 'https://x.example.com/?a=b']) {
      expect(() => parseConfig({ ...environment, X402_FACILITATOR: value })).toThrow(/X402_FACILITATOR/);
    }
    for (const value of ['local', 'http://127.0.0.1:4021']) {
      expect(() => parseConfig({ ...production, X402_FACILITATOR: value })).toThrow(/X402_FACILITATOR/);
    }
    expect(parseConfig({ ...production, X402_FACILITATOR: 'https://x402.example.com' })).toBeTruthy();
  });
});

describe('a facilitator over HTTP', () => {
  const receiver = use(
    () => startReceiver('/facilitator'),
    (opened) => opened.close(),
  );
  const facilitator = () => createHttpFacilitator(`${receiver.url}/`, { settleMsMax: 500, verifyMsMax: 500 });
  const answering = (status: number, body: object | string, headers: Record<string, string> = {}) =>
    receiver.answer((response) => {
      response.writeHead(status, headers);
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });

  test('gateway.md §6.3: is asked at its own paths, with the payment as it came', async () => {
    answering(200, { isValid: true, payer: '0xabc' });
    expect(await facilitator().verify(CALL)).toEqual({ kind: 'valid', payer: '0xabc' });
    const asked = receiver.requests.at(-1);
    expect([asked?.method, asked?.path]).toEqual(['POST', '/facilitator/verify']);
    expect(JSON.parse(asked?.body.toString() ?? '')).toEqual(CALL);
  });

  test.each<[string, number, object | string, string]>([
    ['a refusal', 200, { isValid: false, invalidReason: 'insufficient_funds' }, 'invalid'],
    ['a refusal with a status', 400, { isValid: false, invalidReason: 'invalid_payload' }, 'invalid'],
    ['a fault of its own', 500, { isValid: false }, 'unavailable'],
    ['something else', 200, 'hello', 'unavailable'],
  ])('gateway.md §6.3: %s to verify is told from the others', async (_what, status, body, kind) => {
    answering(status, body);
    expect(await facilitator().verify(CALL)).toMatchObject({ kind });
  });

  test.each<[string, number, object | string, string]>([
    ['a settlement', 200, { success: true, transaction: '0x1' }, 'settled'],
    ['a settlement without a transaction', 200, { success: true }, 'unknown'],
    ['a refusal', 200, { success: false, errorReason: 'insufficient_funds' }, 'refused'],
    ['a refusal with a status', 402, { success: false, errorReason: 'invalid_payload' }, 'refused'],
    ['doubt of its own', 200, { success: false, errorReason: 'unexpected_settle_error' }, 'unknown'],
    ['a closed door', 429, 'later', 'unsent'],
    ['a redirect', 307, '', 'unsent'],
    ['a fault of its own', 502, { success: false, errorReason: 'insufficient_funds' }, 'unknown'],
    ['something else', 200, 'hello', 'unknown'],
    ['an endless answer', 200, 'x'.repeat(70_000), 'unknown'],
  ])('gateway.md §6.3: %s is told from the others', async (_what, status, body, kind) => {
    answering(status, body, { location: 'http://127.0.0.1:1/' });
    expect(await facilitator().settle(CALL)).toMatchObject({ kind });
  });

  test('gateway.md §6.3: silence may be a settlement, a closed port is none', async () => {
    receiver.answer(() => undefined);
    expect(await facilitator().settle(CALL)).toMatchObject({ kind: 'unknown' });
    receiver.answer((response) => response.destroy());
    expect(await facilitator().settle(CALL)).toMatchObject({ kind: 'unknown' });
    expect(await createHttpFacilitator('http://127.0.0.1:1').settle(CALL)).toMatchObject({ kind: 'unsent' });
  });
});
