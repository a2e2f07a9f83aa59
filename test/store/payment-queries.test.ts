import {
  beginSettlement,
  findClaimed,
  findNamed,
  forgetPayload,
  listPayments,
  loadPayment,
  recordSettlement,
  releasePayment,
} from '../../store/gateway/payments';
import { findOpenSettings, loadPaymentSettings, savePaymentSettings } from '../../store/gateway/payment-settings';
import type { Payment } from '../../store/schema/collections/payments';
import { useDatabase } from '../support/database';
import { expectOwnRowsOnly, rowNumbers, testOwnRowsOnly, type NamedCall } from '../support/own-rows';

/** One agent with this many payments of one payer: what they cost must not grow with them. */
const PAYMENTS = 2_000;
const PAGE = 50;
const BASE = Date.parse('2026-01-01T00:00:00.000Z');
const at = (index: number) => new Date(BASE + index * 1_000);
const now = new Date();
const AGENT = 'agt_paid';

const claimOf = (index: number) => ({ network: 'eip155:1', asset: '0x1', payer: '0x2', nonce: `0x${index}` });

const paymentRow = (index: number): Payment => ({
  _id: `pay_${index}`,
  agentId: AGENT,
  executionId: `exe_${index}`,
  sessionId: `ses_${index}`,
  version: 2,
  ...claimOf(index),
  isClaimed: true,
  identifier: `name of payment ${index}`,
  bodyHash: 'hash',
  payloadHash: 'hash',
  amount: '1',
  payTo: '0x3',
  status: 'running',
  attempts: 0,
  isInDoubt: false,
  reason: null,
  transaction: null,
  createdAt: at(index),
  settledAt: null,
});

describe('queries of payments', () => {
  const database = useDatabase({ isMonitored: true });

  beforeAll(async () => {
    const rows = rowNumbers(PAYMENTS);
    await database.payments.insertMany(rows.map(paymentRow));
    await database.paymentSettings.insertMany(
      rows.map((index) => ({
        _id: `agt_${index}`,
        ownerId: 'own_7',
        isEnabled: true,
        price: null,
        payTo: null,
        description: null,
        timeoutSeconds: 120,
        updatedAt: now,
      })),
    );
  });

  const ownSettings = () => loadPaymentSettings(database, { agentId: 'agt_7', ownerId: 'own_7' });

  const small: NamedCall[] = [
    ['a claimed payment', () => findClaimed(database, claimOf(7))],
    [
      'a payment by its name',
      () => findNamed(database, { agentId: AGENT, payer: '0x2', identifier: 'name of payment 7' }),
    ],
    ['a payment', () => loadPayment(database, 'pay_7')],
    [
      'a settlement',
      async () => {
        const before = await beginSettlement(database, 'pay_8');
        if (before === null) throw new Error('there is something to settle');
        await recordSettlement(database, before, { kind: 'refused', reason: 'poor' }, now);
        await recordSettlement(database, before, { kind: 'settled', transaction: '0x1', amount: null }, now);
      },
    ],
    ['the release of a payment', () => releasePayment(database, 'pay_9', 'timeout')],
    ['the end of what moves money', () => forgetPayload(database, 'pay_9')],
    ['what an agent costs', () => findOpenSettings(database, 'agt_7')],
    ['what its owner asks', ownSettings],
    ['another price', async () => savePaymentSettings(database, await ownSettings())],
  ];

  testOwnRowsOnly(database, small, 5);

  test('the payments of an agent cost their page', async () => {
    expect(await listPayments(database, AGENT, PAGE)).toHaveLength(PAGE);
    await expectOwnRowsOnly(database, () => listPayments(database, AGENT, PAGE), PAGE + 10);
  });
});
