import fc from 'fast-check';
import { jsonDepth, mayReorder, memberTexts } from '../../contract/json';

describe('JSON texts', () => {
  test('members are what JSON.stringify writes of them, however the text is spaced', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 1, '\t', '\n  '), (object, space) => {
        const text = JSON.stringify(object, null, space);
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const members = memberTexts(text);
        expect(new Set(members.keys())).toEqual(new Set(Object.keys(parsed)));
        if (mayReorder(text)) return;
        for (const [key, value] of members) expect(value).toBe(JSON.stringify(parsed[key]));
      }),
    );
  });

  test('keys keep their order, whole numbers included; a repeated key has its last value at its first place', () => {
    const inner = '{ "b": 1, "2": [ {"10": 1, "9": 2 } ], "a": 1.0, "b": 1e2, "": "\\u0041", "e": {}, "f": [ ] }';
    expect(mayReorder(inner)).toBe(true);
    expect([...memberTexts(`{"x":${inner}}`)]).toEqual([
      ['x', '{"b":100,"2":[{"10":1,"9":2}],"a":1,"":"A","e":{},"f":[]}'],
    ]);
  });

  test('only keys that JavaScript would move are looked for', () => {
    for (const text of ['{"1":2}', '{"a":{"0" :1}}', '{"4294967294":1}']) expect(mayReorder(text)).toBe(true);
    for (const text of ['{"01":2}', '{"a":"1"}', '{"a":["1"]}', '{"-1":2}', '{"1.5":2}']) {
      expect(mayReorder(text)).toBe(false);
    }
  });

  test('depth counts objects and arrays, not what strings hold', () => {
    const cases: [string, number][] = [
      ['1', 0],
      ['{}', 1],
      ['{"a":[]}', 2],
      ['["{[\\"["]', 1],
    ];
    for (const [text, depth] of cases) expect(jsonDepth(text)).toBe(depth);
  });
});
