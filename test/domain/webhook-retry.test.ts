import fc from 'fast-check';
import { countsForBreaker, verdictOf, type AttemptOutcome } from '../../domain/webhook-attempt';
import { ALL_WEBHOOK_EVENTS } from '../../contract/events';
import {
  attemptsMaxOf,
  parseRetryAfterMs,
  WEBHOOK_ATTEMPTS_MAX,
  webhookRetryDelayMs,
} from '../../domain/webhook-retry';

const NOW = new Date('2030-06-15T12:00:00.000Z');
const TABLE_MS = [10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000];
const answered = (status: number, retryAfterMs: number | null = null): AttemptOutcome => ({
  kind: 'answered',
  status,
  retryAfterMs,
  error: `HTTP ${status}`,
});
const verdict = (outcome: AttemptOutcome, attempt = 1) => verdictOf(outcome, { attempt, at: NOW, random: 0 });

describe('when a failed attempt is repeated (webhooks.md §7)', () => {
  test('nine attempts, with the delays of the table', () => {
    expect(WEBHOOK_ATTEMPTS_MAX).toBe(9);
    expect(TABLE_MS.map((_, index) => webhookRetryDelayMs(index + 1, 0, null))).toEqual(TABLE_MS);
    expect(webhookRetryDelayMs(9, 0, 3_600_000)).toBeNull();
  });

  test('webhooks#42: presences get three attempts, every other event nine', () => {
    const most = Object.fromEntries(ALL_WEBHOOK_EVENTS.map((event) => [event, attemptsMaxOf(event)]));
    expect(most).toMatchObject({ 'message.new': 9, 'agent.created': 9, 'presence.update': 3 });
    const after = (attempt: number) =>
      verdictOf(answered(500), { attempt, at: NOW, random: 0, attemptsMax: attemptsMaxOf('presence.update') }).to;
    expect([1, 2, 3].map(after)).toEqual(['failed', 'failed', 'dead']);
  });

  test('the jitter adds up to a tenth and never shortens; the header only lengthens, up to 24 hours', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.option(fc.nat(1_000_000_000_000)),
        (attempt, random, retryAfterMs) => {
          const tableMs = TABLE_MS[attempt - 1] ?? 0;
          const delayMs = webhookRetryDelayMs(attempt, random, retryAfterMs) ?? 0;
          expect(delayMs).toBeGreaterThanOrEqual(Math.max(tableMs, Math.min(retryAfterMs ?? 0, 86_400_000)));
          expect(delayMs).toBeLessThanOrEqual(Math.max(tableMs * 1.1 + 1, 86_400_000));
        },
      ),
    );
  });

  test.each<[string | undefined, number | null]>([
    ['120', 120_000],
    [' 1 ', 1_000],
    ['0', 0],
    ['999999999', 86_400_000],
    ['Sat, 15 Jun 2030 12:02:00 GMT', 120_000],
    ['Sat, 15 Jun 2030 11:00:00 GMT', 0],
    ['Sat, 15 Jun 2040 12:00:00 GMT', 86_400_000],
    ['Sat, 99 Jun 2030 12:00:00 GMT', null],
    ['2030-06-15T12:02:00Z', null],
    ['-1', null],
    ['1.5', null],
    ['soon', null],
    ['', null],
    [undefined, null],
  ])('Retry-After: %s asks for %s ms', (header, expected) => {
    expect(parseRetryAfterMs(header, NOW)).toBe(expected);
  });
});

describe('what an attempt means for its delivery (webhooks.md §7)', () => {
  test.each([200, 204, 299])('%s delivers', (status) => {
    expect(verdict(answered(status))).toEqual({ to: 'delivered', status });
  });

  test.each([100, 199, 300, 301, 302, 304, 400, 404, 429, 500, 599])('%s fails and is tried again', (status) => {
    expect(verdict(answered(status))).toMatchObject({ to: 'failed', nextAttemptAt: new Date(NOW.getTime() + 10_000) });
  });

  test('410 ends this delivery; the ninth failure is a dead letter', () => {
    expect(verdict(answered(410))).toMatchObject({ to: 'cancelled', status: 410 });
    expect(verdict({ kind: 'fault', error: 'timeout' }, 9)).toEqual({ to: 'dead', status: null, error: 'timeout' });
  });

  test('a lost attempt counts, and its repetition is due at once', () => {
    expect(verdict({ kind: 'lost' }, 3)).toMatchObject({ to: 'failed', error: 'worker_lost', nextAttemptAt: NOW });
    expect(verdict({ kind: 'lost' }, 9)).toMatchObject({ to: 'dead' });
  });

  test('410, forbidden addresses and lost workers say nothing about the health of an endpoint', () => {
    expect(countsForBreaker(answered(410))).toBe(false);
    expect(countsForBreaker({ kind: 'fault', error: 'blocked_address' })).toBe(false);
    expect(countsForBreaker({ kind: 'lost' })).toBe(false);
    expect(countsForBreaker({ kind: 'fault', error: 'timeout' })).toBe(true);
    expect(countsForBreaker(answered(404))).toBe(true);
  });

  test('stored error texts are short', () => {
    const dead = verdict({ kind: 'fault', error: 'x'.repeat(5_000) }, 9);
    expect('error' in dead && dead.error.length).toBe(1_024);
  });
});
