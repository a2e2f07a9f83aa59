import type * as Viem from 'viem' with { 'resolution-mode': 'import' };
import { afterAnswer, settlePauseMs, type SettleAnswer } from '../../domain/settlement';
import { authorizationDigest, recoverSigner } from '../../domain/typed-data';
import { faultOfPayment, keyOfPayment, termsV1, termsV2, type Offer, type PaymentClaim } from '../../domain/x402';
import { readPayment } from '../../domain/x402-header';
import { createPayer, PRICE, signPayment, typedData } from '../support/payers';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { hashTypedData } = jest.requireActual<typeof Viem>('viem');

const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / 1_000;
const PAY_TO = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';
const NONCE = `0x${'ab'.repeat(32)}`;
const offer: Offer = {
  price: PRICE,
  payTo: PAY_TO,
  description: 'A turn',
  timeoutSeconds: 120,
  resource: 'https://chat.example.com/api/paid/ada/chat',
};
const authorization = {
  from: '0x1111111111111111111111111111111111111111',
  to: PAY_TO,
  value: '10000',
  validAfter: '0',
  validBefore: String(NOW + 180),
  nonce: NONCE,
};
const signature = `0x${'11'.repeat(64)}1b`;
const v2 = { x402Version: 2, accepted: termsV2(offer), payload: { signature, authorization } };
const v1 = { x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload: { signature, authorization } };
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

function paymentOf(header: object, version: 1 | 2): PaymentClaim {
  const read = readPayment(encode(header), version);
  if (read.kind !== 'payment') throw new Error(read.kind);
  return read.payment;
}

describe('payment headers', () => {
  test('gateway.md §6.3: both versions are read as what they say', () => {
    expect(paymentOf(v1, 1)).toMatchObject({ version: 1, network: 'base-sepolia', signature, accepted: null });
    expect(paymentOf(v2, 2)).toMatchObject({ version: 2, network: PRICE.network, signature, accepted: v2.accepted });
  });

  const without = (name: keyof typeof authorization) => {
    const { [name]: _, ...rest } = authorization;
    return { ...v2, payload: { signature, authorization: rest } };
  };
  const changed = (change: object) => ({
    ...v2,
    payload: { signature, authorization: { ...authorization, ...change } },
  });

  test.each<[string, string]>([
    ['no base64', '{"x402Version":2}'],
    ['nothing', ''],
    ['no JSON', Buffer.from('hello').toString('base64')],
    ['a list', encode([v2])],
    ['no version', encode({ ...v2, x402Version: undefined })],
    ['a version in words', encode({ ...v2, x402Version: '2' })],
    ['no terms', encode({ ...v2, accepted: undefined })],
    ['no payload', encode({ ...v2, payload: null })],
    ['no signature', encode({ ...v2, payload: { authorization } })],
    ['a signature of 64 bytes', encode({ ...v2, payload: { signature: signature.slice(0, -2), authorization } })],
    ['no sender', encode(without('from'))],
    ['no nonce', encode(without('nonce'))],
    ['a number that is no text', encode(changed({ value: 10_000 }))],
    ['a number that is no whole one', encode(changed({ value: '1.5' }))],
    ['a number below zero', encode(changed({ validAfter: '-1' }))],
    ['a number of more than 256 bits', encode(changed({ value: (2n ** 256n).toString() }))],
    ['a short address', encode(changed({ to: '0x12' }))],
    ['a name that is none', encode({ ...v2, extensions: { 'payment-identifier': { info: { id: 'short' } } } })],
  ])('gateway.md §6.3: %s is malformed', (_what, header) => {
    expect(readPayment(header, 2)).toEqual({ kind: 'malformed' });
  });

  test('gateway.md §6.3: another version, network or scheme has the right shape and wrong values', () => {
    expect(readPayment(encode({ ...v2, x402Version: 3 }), 2)).toEqual({
      kind: 'faulty',
      fault: 'invalid_x402_version',
    });
    expect(readPayment(encode({ ...v1, x402Version: 2 }), 1)).toEqual({
      kind: 'faulty',
      fault: 'invalid_x402_version',
    });
    expect(readPayment(encode(v1), 2)).toEqual({ kind: 'malformed' });
    expect(readPayment(encode({ ...v1, scheme: 'upto' }), 1)).toEqual({ kind: 'faulty', fault: 'invalid_scheme' });
    expect(faultOfPayment(paymentOf({ ...v1, network: 'base' }, 1), offer, NOW_MS)).toBe('invalid_network');
  });
});

describe('what a payment has to be', () => {
  const fault = (change: Partial<typeof authorization>, version: 1 | 2 = 2) => {
    const payload = { signature, authorization: { ...authorization, ...change } };
    return faultOfPayment(paymentOf({ ...(version === 1 ? v1 : v2), payload }, version), offer, NOW_MS);
  };

  test('gateway.md §6.3: as it is asked for, addresses in any case', () => {
    expect([fault({}, 1), fault({}, 2), fault({ to: PAY_TO.toLowerCase() })]).toEqual([null, null, null]);
  });

  test('gateway.md §6.3: version 2 takes exactly the amount, version 1 more of it too', () => {
    const mismatch = 'invalid_exact_evm_payload_authorization_value_mismatch';
    expect([fault({ value: '9999' }, 1), fault({ value: '9999' }, 2)]).toEqual([mismatch, mismatch]);
    expect([fault({ value: '10001' }, 1), fault({ value: '10001' }, 2)]).toEqual([null, mismatch]);
  });

  test('gateway.md §6.3: to its owner, from now on, until half a minute behind the turn', () => {
    expect(fault({ to: authorization.from })).toBe('invalid_exact_evm_payload_recipient_mismatch');
    expect(fault({ validAfter: String(NOW + 1) })).toBe('invalid_exact_evm_payload_authorization_valid_after');
    expect(fault({ validBefore: String(NOW + 149) })).toBe('invalid_exact_evm_payload_authorization_valid_before');
    expect([fault({ validAfter: String(NOW) }), fault({ validBefore: String(NOW + 150) })]).toEqual([null, null]);
  });

  test('gateway.md §6.3: terms that were changed, left out or added to are not ours', () => {
    const accepted: object[] = [
      { ...v2.accepted, amount: '1' },
      { ...v2.accepted, maxTimeoutSeconds: 10 },
      { ...v2.accepted, extra: { name: 'USDC' } },
      { ...v2.accepted, extra: { name: 'USDC', version: '2', more: true } },
    ];
    for (const terms of accepted) {
      const payment = paymentOf({ ...v2, accepted: terms }, 2);
      expect(faultOfPayment(payment, offer, NOW_MS)).toBe('invalid_payment_requirements');
    }
  });

  test('gateway.md §6.3: one payment has one key, however its version names the network', () => {
    const keys = [keyOfPayment(paymentOf(v1, 1), offer), keyOfPayment(paymentOf(v2, 2), offer)];
    expect(keys[0]).toEqual(keys[1]);
    expect(keys[0]?.asset).toBe(PRICE.asset.toLowerCase());
    expect([termsV1({ ...offer, price: { ...PRICE, network: 'eip155:1' } })]).toEqual([[]]);
  });
});

describe('signatures', () => {
  const domain = { name: PRICE.name, version: PRICE.version, chainId: 84532n, asset: PRICE.asset };

  test('gateway.md §6.3: the digest is that of EIP-712, and the signer is recovered from it', async () => {
    const payer = createPayer();
    for (let round = 0; round < 10; round += 1) {
      const header = await signPayment(payer, 2, { terms: termsV2(offer) });
      const { payment } = readPayment(header['payment-signature'] ?? '', 2) as { payment: PaymentClaim };
      const digest = authorizationDigest(domain, payment.authorization);
      const expected = hashTypedData(typedData(payment.authorization, { name: 'USDC', version: '2', chainId: 84532 }));
      expect(`0x${Buffer.from(digest).toString('hex')}`).toBe(expected);
      expect(recoverSigner(digest, payment.signature)).toBe(payer.address);
      const other = authorizationDigest(domain, { ...payment.authorization, value: '1' });
      expect(recoverSigner(other, payment.signature)).not.toBe(payer.address);
    }
  });

  test('gateway.md §6.3: a signature that anybody can make of another one is none', async () => {
    const payer = createPayer();
    const header = await signPayment(payer, 2, { terms: termsV2(offer) });
    const { payment } = readPayment(header['payment-signature'] ?? '', 2) as { payment: PaymentClaim };
    const digest = authorizationDigest(domain, payment.authorization);
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const s = (order - BigInt(`0x${payment.signature.slice(66, 130)}`)).toString(16).padStart(64, '0');
    const v = payment.signature.endsWith('1b') ? '1c' : '1b';
    expect(recoverSigner(digest, `${payment.signature.slice(0, 66)}${s}${v}`)).toBeNull();
    expect(recoverSigner(digest, `0x${'00'.repeat(65)}`)).toBeNull();
  });
});

describe('settlements', () => {
  const settled: SettleAnswer = { kind: 'settled', transaction: '0x1', amount: null };
  const refused: SettleAnswer = { kind: 'refused', reason: 'insufficient_funds' };

  test('gateway.md §6.3: a refusal counts unless an answer before it was lost; a settlement always does', () => {
    expect(afterAnswer(refused, false)).toMatchObject({ status: 'refused', isInDoubt: false });
    expect(afterAnswer(refused, true)).toMatchObject({ status: 'settling', isInDoubt: true });
    for (const wasInDoubt of [true, false]) {
      expect(afterAnswer(settled, wasInDoubt)).toMatchObject({ status: 'settled', isInDoubt: false });
      expect(afterAnswer({ kind: 'unknown', reason: 'timeout' }, wasInDoubt)).toMatchObject({ isInDoubt: true });
      expect(afterAnswer({ kind: 'unsent', reason: 'refused' }, wasInDoubt)).toMatchObject({ isInDoubt: wasInDoubt });
    }
  });

  test('gateway.md §6.3: a facilitator is asked soon, then less and less, every five minutes at least', () => {
    expect([0, 1, 2, 8, 9, 1_000].map(settlePauseMs)).toEqual([1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
  });
});
