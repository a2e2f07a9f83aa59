import { endpointStateOf } from '../../domain/endpoint-state';
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
