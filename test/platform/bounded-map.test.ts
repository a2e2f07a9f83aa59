import * as fc from 'fast-check';
import { BoundedMap } from '../../platform/bounded-map';

/** Caches that grow for ever end a process after weeks, in production only. */
describe('a bounded map', () => {
  test('holds at most as many entries as it may, and loses those that were set longest ago', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.integer({ min: 0, max: 60 })), (max, keys) => {
        const evicted: number[] = [];
        const map = new BoundedMap<number, number>(max, (value) => evicted.push(value));
        keys.forEach((key, at) => {
          map.set(key, at);
          expect(map.size).toBeLessThanOrEqual(max);
          expect(map.get(key)).toBe(at);
          // Nothing that left was set after something that stayed.
          expect(Math.max(-1, ...evicted)).toBeLessThan(Math.min(...map.values()));
        });
      }),
    );
  });

  test('an entry that is set again outlives those that were set after its first time', () => {
    const map = new BoundedMap<string, number>(2);
    map.set('a', 1).set('b', 1).set('a', 2).set('c', 1);
    expect([...map.keys()]).toEqual(['a', 'c']);
  });
});
