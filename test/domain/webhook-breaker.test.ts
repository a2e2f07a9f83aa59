import {
  afterFailure,
  afterNothing,
  afterSuccess,
  CLOSED_BREAKER,
  halfOpened,
  type Breaker,
} from '../../domain/webhook-breaker';

const START = Date.parse('2030-06-15T12:00:00.000Z');
const at = (seconds: number): Date => new Date(START + seconds * 1_000);
const failed = (...seconds: number[]): Breaker =>
  seconds.reduce((breaker, second) => afterFailure(breaker, at(second)), CLOSED_BREAKER);

describe('the circuit of one endpoint (webhooks.md §7.1)', () => {
  test('five failures in a row open it for five minutes', () => {
    expect(failed(0, 1, 2, 3)).toMatchObject({ state: 'closed', consecutive: 4 });
    expect(failed(0, 1, 2, 3, 4)).toMatchObject({ state: 'open', openUntil: at(304), probe: null });
  });

  test('a 2xx in between resets the counters', () => {
    const reset = afterSuccess(failed(0, 1, 2, 3), 'any');
    expect(reset).toEqual(CLOSED_BREAKER);
    expect(afterFailure(reset, at(5))).toMatchObject({ state: 'closed', consecutive: 1 });
  });

  test('failures more than two minutes apart never add up to an open breaker', () => {
    const starts = [0, 10, 40, 100, 400, 1_300, 4_900, 26_500, 112_900];
    expect(failed(...starts).state).toBe('closed');
    expect(failed(0, 120, 240, 360, 480).state).toBe('open');
    expect(failed(0, 121, 242, 363, 484).consecutive).toBe(1);
  });

  test('the window keeps ten failures of one minute at most', () => {
    const windowFailures = Array.from({ length: 9 }, (_, index) => at(index));
    const nearly = { ...CLOSED_BREAKER, consecutive: 0, windowFailures, lastFailureAt: at(8) };
    expect(afterFailure(nearly, at(9)).state).toBe('open');
    expect(afterFailure(nearly, at(61))).toMatchObject({
      state: 'closed',
      windowFailures: [...windowFailures.slice(1), at(61)],
    });
  });

  test('only the probe closes it, and what waits is released gradually', () => {
    const probing = halfOpened(failed(0, 1, 2, 3, 4), 'probe');
    expect(afterSuccess(probing, 'late').state).toBe('half_open');
    let breaker = afterSuccess(probing, 'probe');
    expect(breaker).toEqual({ ...CLOSED_BREAKER, ramp: 1 });
    const ramps = Array.from({ length: 10 }, () => (breaker = afterSuccess(breaker, 'next')).ramp);
    expect(ramps).toEqual([2, 3, 4, 5, 6, 7, 8, 9, null, null]);
  });

  test('a probe that fails, and an attempt that ends late, start the cool-down again', () => {
    const open = failed(0, 1, 2, 3, 4);
    expect(afterFailure(open, at(100)).openUntil).toEqual(at(400));
    const probing = halfOpened(open, 'probe');
    expect(afterFailure(probing, at(310))).toMatchObject({ state: 'open', openUntil: at(610), probe: null });
    expect(afterNothing(probing, 'probe', at(310))).toMatchObject({ state: 'open', openUntil: at(610) });
    expect(afterNothing(probing, 'other', at(310))).toBe(probing);
  });
});
