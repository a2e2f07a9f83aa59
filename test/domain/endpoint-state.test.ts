import { endpointStateOf, nextAttemptOf } from '../../domain/endpoint-state';
import { afterFailure, afterSuccess, CLOSED_BREAKER, halfOpened } from '../../domain/webhook-breaker';

describe('how an endpoint does, in one word (webhooks.md §11.5)', () => {
  const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));
  const failed = (times: number) =>
    Array.from({ length: times }).reduce<typeof CLOSED_BREAKER>(
      (breaker, _, index) => afterFailure(breaker, at(index)),
      CLOSED_BREAKER,
    );

  test.each([
    ['nothing has failed', true, CLOSED_BREAKER, 'healthy'],
    ['one attempt failed', true, failed(1), 'failing'],
    ['a success came behind failures', true, afterSuccess(failed(4), 'token'), 'healthy'],
    ['the circuit is open', true, failed(5), 'circuit_open'],
    ['a probe is on the wire', true, halfOpened(failed(5), 'probe'), 'circuit_open'],
    ['the probe succeeded', true, afterSuccess(halfOpened(failed(5), 'probe'), 'probe'), 'healthy'],
    ['it is switched off, whatever its circuit says', false, failed(5), 'disabled'],
  ] as const)('webhooks §11.5: where %s', (_, active, breaker, expected) => {
    expect(endpointStateOf({ active, breaker })).toBe(expected);
  });
});

describe('when an endpoint is attempted next (webhooks.md §12)', () => {
  const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));
  const closed = { active: true, held: null, breaker: CLOSED_BREAKER };
  const open = { ...closed, breaker: { state: 'open' as const, openUntil: at(300) } };
  const waits = { isWaiting: true, earliestDue: null };
  const due = (seconds: number, isWaiting = false) => ({ isWaiting, earliestDue: at(seconds) });

  test.each([
    ['nothing waits', closed, { isWaiting: false, earliestDue: null }, null],
    ['a first attempt is about to start', closed, waits, null],
    ['something failed', closed, due(10), at(10)],
    ['it rests and what failed is due before', open, due(10), at(300)],
    ['it rests and what failed is due behind', open, due(900), at(900)],
    ['it rests and a first attempt waits', open, waits, at(300)],
    ['it rests and both wait', open, due(900, true), at(300)],
    [
      'a probe is on the wire',
      { ...closed, breaker: { state: 'half_open' as const, openUntil: null } },
      due(10),
      at(10),
    ],
    ['the agent is paused', { ...open, held: 'paused' as const }, due(10), null],
    ['it is disabled', { ...open, active: false }, due(10), null],
  ])('webhooks §12: where %s', (_, webhook, waiting, expected) => {
    expect(nextAttemptOf(webhook, waiting)).toEqual(expected);
  });
});
