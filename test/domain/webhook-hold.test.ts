import { CLOSED_BREAKER } from '../../domain/webhook-breaker';
import { holdOf } from '../../domain/webhook-hold';

describe('why a delivery waits (webhooks.md §11.1)', () => {
  const now = new Date('2026-01-01T00:00:00Z');
  const at = (seconds: number): Date => new Date(now.getTime() + seconds * 1_000);
  const open = { held: null, breaker: { state: 'open' as const, openUntil: at(300) } };
  const closed = { held: null, breaker: CLOSED_BREAKER };

  test.each([
    ['pending', at(0), closed, null],
    ['pending', at(0), open, 'circuit_open'],
    ['failed', at(299), open, 'circuit_open'],
    ['failed', at(301), open, null],
    ['failed', at(301), { ...open, held: 'paused' as const }, 'paused'],
    ['pending', at(0), { held: null, breaker: { state: 'half_open' as const, openUntil: null } }, 'circuit_open'],
    ['delivering', null, open, null],
    ['delivered', null, { ...closed, held: 'paused' as const }, null],
  ])('%s, due at %p: %p', (status, nextAttemptAt, webhook, expected) => {
    expect(holdOf({ status, nextAttemptAt }, webhook, now)).toBe(expected);
  });

  test.each([
    ['pending', closed, 'ordering'],
    ['failed', closed, 'ordering'],
    ['pending', open, 'ordering'],
    ['pending', { ...closed, held: 'paused' as const }, 'paused'],
    ['delivering', closed, null],
    ['cancelled', closed, null],
  ])('webhooks#40: %s, behind another delivery of its conversation: %p', (status, webhook, expected) => {
    expect(holdOf({ status, nextAttemptAt: at(0) }, webhook, now, true)).toBe(expected);
  });
});
