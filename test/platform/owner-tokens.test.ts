import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createAccessTokens } from '../../platform/access-tokens';
import { createRefreshTokens } from '../../platform/refresh-tokens';

const key = (id: string) => ({ id, key: randomBytes(32) });
const text = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const AT = new Date('2026-01-01T00:00:00.500Z');
const after = (seconds: number): Date => new Date(Math.floor(AT.getTime() / 1_000) * 1_000 + seconds * 1_000);
const CLAIMS = { ownerId: '00000000-0000-4000-8000-000000000000', sessionId: 'dsh_x' };

describe('access tokens', () => {
  const secretKeys = [key('one'), key('two')];
  const tokens = createAccessTokens(secretKeys);
  const token = tokens.issue(CLAIMS, AT, 'one') ?? '';
  const [header = '', payload = '', signature = ''] = token.split('.');

  test('dashboard#3: are JWTs in three parts with iat and exp an hour apart, and nothing private in them', () => {
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: 'one' });
    const iat = AT.getTime() / 1_000 - 0.5;
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toEqual({
      iss: 'agentchat',
      aud: 'agentchat-dashboard',
      sub: CLAIMS.ownerId,
      sid: CLAIMS.sessionId,
      iat,
      exp: iat + 3_600,
    });
  });

  test('hold for an hour and 30 s of skew, not longer', () => {
    expect(tokens.check(token, after(0))).toEqual(CLAIMS);
    expect(tokens.check(token, after(3_629))).toEqual(CLAIMS);
    expect(tokens.check(token, after(3_630))).toBeNull();
  });

  test('every key verifies, the named one signs; one that was taken out does neither', () => {
    const other = createAccessTokens([secretKeys[1] ?? key('two'), secretKeys[0] ?? key('one')]);
    expect(other.keyId).toBe('two');
    expect(other.check(token, AT)).toEqual(CLAIMS);
    expect(other.issue(CLAIMS, AT, 'one')).toBe(token);
    const without = createAccessTokens([secretKeys[1] ?? key('two')]);
    expect([without.check(token, AT), without.issue(CLAIMS, AT, 'one')]).toEqual([null, null]);
    expect(createAccessTokens([key('one')]).check(token, AT)).toBeNull();
  });

  test('no other algorithm, no algorithm at all, no key that the token brings along', () => {
    const heads = [
      { alg: 'none', typ: 'JWT' },
      { alg: 'none', typ: 'JWT', kid: 'one' },
      { alg: 'HS256', typ: 'JWT', kid: 'one' },
      { alg: 'eddsa', typ: 'JWT', kid: 'one' },
      { alg: 'EdDSA', typ: 'JWT', kid: 'two' },
      { alg: 'EdDSA', typ: 'JWT', kid: 'three' },
      { alg: 'EdDSA', typ: 'JWT', kid: 'one', jwk: {} },
      { typ: 'JWT', alg: 'EdDSA', kid: 'one' },
    ].map(text);
    for (const head of heads) {
      for (const end of ['', signature])
        expect([head, tokens.check(`${head}.${payload}.${end}`, AT)]).toEqual([head, null]);
      const mac = createHmac('sha256', secretKeys[0]?.key ?? '')
        .update(`${head}.${payload}`)
        .digest('base64url');
      expect(tokens.check(`${head}.${payload}.${mac}`, AT)).toBeNull();
    }
  });

  test('any change of any character, and any text, is no token', () => {
    const change = fc.tuple(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1, unit: 'binary-ascii' }));
    fc.assert(
      fc.property(change, ([at, character]) => {
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        expect(changed === token || tokens.check(changed, AT) === null).toBe(true);
      }),
      { numRuns: 300 },
    );
    fc.assert(fc.property(fc.string(), (any) => tokens.check(any, AT) === null));
    for (const parts of ['', '.', '..', '...', `${token}.`, `.${token}`, `${token}=`, ` ${token}`]) {
      expect([parts, tokens.check(parts, AT)]).toEqual([parts, null]);
    }
  });
});

describe('refresh tokens', () => {
  const secretKeys = [key('one'), key('two')];
  const tokens = createRefreshTokens(secretKeys);

  test('are 256 bits and never alike; the successor is the same for whoever knows token, nonce and key', () => {
    const first = tokens.first();
    expect(Buffer.from(first, 'base64url')).toHaveLength(32);
    expect(tokens.first()).not.toBe(first);
    const succession = tokens.newSuccession();
    const next = tokens.successorOf(first, succession);
    expect(Buffer.from(next ?? '', 'base64url')).toHaveLength(32);
    expect(createRefreshTokens([...secretKeys].reverse()).successorOf(first, succession)).toBe(next);
    const others = [
      tokens.successorOf(tokens.first(), succession),
      tokens.successorOf(first, tokens.newSuccession()),
      tokens.successorOf(first, { ...succession, keyId: 'two' }),
      createRefreshTokens([key('one')]).successorOf(first, succession),
    ];
    for (const other of others) expect(other).not.toBe(next);
    expect(tokens.successorOf(first, { ...succession, keyId: 'gone' })).toBeNull();
  });
});
