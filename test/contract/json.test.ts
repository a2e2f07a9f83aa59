import fc from 'fast-check';
import {
  holdsInfinity,
  inSentOrder,
  jsonDepth,
  jsonShape,
  mayOverflow,
  mayReorder,
  memberSource,
} from '../../contract/json';

describe('JSON texts', () => {
  test('a text in order is what JSON.stringify writes, however it is spaced; each member is found in it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 1, '\t', '\n  '), (object, space) => {
        const text = JSON.stringify(object, null, space);
        const parsed = JSON.parse(text) as Record<string, unknown>;
        expect(JSON.parse(inSentOrder(text))).toEqual(parsed);
        if (!mayReorder(text)) expect(inSentOrder(text)).toBe(JSON.stringify(parsed));
        for (const [key, value] of Object.entries(parsed))
          expect(JSON.parse(memberSource(text, key) ?? '')).toEqual(value);
        expect(memberSource(text, 'is no key of it')).toBeNull();
      }),
    );
  });

  test('keys keep their order, whole numbers included; a repeated key has its last value at its first place', () => {
    const inner =
      '{ "b": 1, "2": [ {"10": 1, "9": 2 } ], "\\u0061": 1.0, "b": 1e2, "": "\\u0041", "e": {}, "f": [ -0, true, null ] }';
    expect(mayReorder(inner)).toBe(true);
    expect(inSentOrder(inner)).toBe('{"b":100,"2":[{"10":1,"9":2}],"a":1,"":"A","e":{},"f":[0,true,null]}');
    const text = `{"x":[1],"y":{"x":3,"z":"}"},"\\u0078" : ${inner} , "w":"\\\\" }`;
    expect(memberSource(text, 'x')?.trim()).toBe(inner);
    expect(memberSource(text, 'w')?.trim()).toBe('"\\\\"');
    expect(memberSource(text, 'z')).toBeNull();
  });

  test('only keys that JavaScript would move are looked for', () => {
    for (const text of ['{"1":2}', '{"a":{"0" :1}}', '{"4294967294":1}']) expect(mayReorder(text)).toBe(true);
    for (const text of ['{"01":2}', '{"a":"1"}', '{"a":["1"]}', '{"-1":2}', '{"1.5":2}']) {
      expect(mayReorder(text)).toBe(false);
    }
  });

  test('no number that is read as infinite is overlooked, wherever it stands', () => {
    const digits = fc.integer({ min: 1, max: 400 }).map((length) => '9'.repeat(length));
    const exponent = fc.oneof(
      fc.constant(''),
      fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-', 'e00'), fc.nat(500)).map(([sign, size]) => `${sign}${size}`),
    );
    fc.assert(
      fc.property(digits, fc.constantFrom('', '.5'), exponent, (whole, fraction, power) => {
        const text = `{"a":[{"b":-${whole}${fraction}${power}}]}`;
        const isInfinite = !Number.isFinite(Number(whole + fraction + power));
        expect(holdsInfinity(JSON.parse(text))).toBe(isInfinite);
        if (isInfinite) expect(mayOverflow(text)).toBe(true);
      }),
    );
    expect(mayOverflow('{"at":1764456385123,"id":"5f2c8a31-77e1-4e0a"}')).toBe(false);
  });

  test('depth counts objects and arrays, not what strings hold', () => {
    const cases: [string, number][] = [
      ['1', 0],
      ['{}', 1],
      ['{"a":[]}', 2],
      ['["{[\\"["]', 1],
    ];
    for (const [text, depth] of cases) expect(jsonDepth(text)).toBe(depth);
    const text = '{"a,:[":[1,"\\\\",{"b\\"{":2}]}';
    expect(jsonShape(text, { depth: 9, keys: 9, commas: 9 })).toEqual({ depth: 3, keys: 2, commas: 2 });
    expect(jsonShape(text, { depth: 9, keys: 0, commas: 9 })).toEqual({ depth: 1, keys: 1, commas: 0 });
  });
});
