import { createSharedClock } from '../../platform/clock';

describe('a clock that processes share', () => {
  const own = { now: () => new Date(100_000) };
  const shownAfter = (readings: [shownMs: number, sentMs: number, receivedMs: number][]) => {
    const clock = createSharedClock(own);
    for (const [shownMs, sentMs, receivedMs] of readings) clock.correct({ shownMs, sentMs, receivedMs });
    return clock.now().getTime();
  };

  test('a reading that the own clock agrees with moves nothing, however long its way', () => {
    expect(shownAfter([[99_900, 99_000, 100_000]])).toBe(100_000);
  });

  test('a clock that is fast or slow is corrected by the least that a reading proves', () => {
    expect(shownAfter([[50_000, 99_990, 100_000]])).toBe(50_010);
    expect(shownAfter([[150_000, 99_990, 100_000]])).toBe(150_000);
  });

  test('a later reading narrows the correction, and one that proves less takes nothing back', () => {
    const long: [number, number, number] = [50_000, 90_000, 100_000];
    const short: [number, number, number] = [50_000, 99_998, 100_000];
    expect(shownAfter([long])).toBe(60_000);
    expect(shownAfter([long, short, long])).toBe(50_002);
  });
});
