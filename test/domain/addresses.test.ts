import fc from 'fast-check';
import { isForbiddenAddress } from '../../domain/addresses';

/** First and last address of every range of IANA's registries of special addresses, multicast and what is reserved. */
const SPECIAL_V4: [string, string][] = [
  ['0.0.0.0', '0.255.255.255'],
  ['10.0.0.0', '10.255.255.255'],
  ['100.64.0.0', '100.127.255.255'],
  ['127.0.0.0', '127.255.255.255'],
  ['169.254.0.0', '169.254.255.255'],
  ['172.16.0.0', '172.31.255.255'],
  ['192.0.0.0', '192.0.0.255'],
  ['192.0.2.0', '192.0.2.255'],
  ['192.31.196.0', '192.31.196.255'],
  ['192.52.193.0', '192.52.193.255'],
  ['192.88.99.0', '192.88.99.255'],
  ['192.168.0.0', '192.168.255.255'],
  ['192.175.48.0', '192.175.48.255'],
  ['198.18.0.0', '198.19.255.255'],
  ['198.51.100.0', '198.51.100.255'],
  ['203.0.113.0', '203.0.113.255'],
  ['224.0.0.0', '255.255.255.255'],
];

const SPECIAL_V6: [string, string][] = [
  ['::', '::1'],
  ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
  ['100::', '100::ffff:ffff:ffff:ffff'],
  ['100:0:0:1::', '100:0:0:1:ffff:ffff:ffff:ffff'],
  // protocol assignments: Teredo, benchmarks, AMT, AS112, ORCHID, drones
  ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['2620:4f:8000::', '2620:4f:8000:ffff:ffff:ffff:ffff:ffff'],
  ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['4000::', '5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['fec0::', 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
];

const numberOf = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const dotted = (number: number): string => [24, 16, 8, 0].map((bits) => (number >>> bits) & 255).join('.');
const grouped = (number: number): string => `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`;

/** An address of IPv4 in every form that reaches it: as it is, IPv4-mapped, by NAT64, by 6to4. */
const formsOf = (number: number): string[] => [
  dotted(number),
  `::ffff:${dotted(number)}`,
  `::FFFF:${grouped(number).toUpperCase()}`,
  `64:ff9b::${dotted(number)}`,
  `64:ff9b::${grouped(number)}`,
  `2002:${grouped(number)}::1`,
  `2002:${grouped(number)}:1:2:3:4:5`,
];

const isSpecialV4 = (number: number): boolean =>
  SPECIAL_V4.some(([first, last]) => number >= numberOf(first) && number <= numberOf(last));

describe('addresses that webhooks may not reach', () => {
  test('webhooks#24: the edges of every special range of IPv4, in every form, and nothing beside them', () => {
    const edges = SPECIAL_V4.flatMap(([first, last]) => [numberOf(first), numberOf(last)]);
    const beside = SPECIAL_V4.flatMap(([first, last]) => [numberOf(first) - 1, numberOf(last) + 1]);
    for (const number of [...edges, ...beside].filter((one) => one >= 0 && one < 2 ** 32)) {
      const wanted = isSpecialV4(number);
      for (const form of formsOf(number)) expect([form, isForbiddenAddress(form)]).toEqual([form, wanted]);
    }
  });

  test('webhooks#24: any address of IPv4 is judged alike in all its forms', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (number) => {
        const verdicts = new Set(formsOf(number).map(isForbiddenAddress));
        expect([...verdicts]).toEqual([isSpecialV4(number)]);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each(SPECIAL_V6)('webhooks#24: IPv6 from %s to %s', (first, last) => {
    expect([isForbiddenAddress(first), isForbiddenAddress(last)]).toEqual([true, true]);
  });

  test.each([
    ['carrying IPv4 where nothing routes it', ['::127.0.0.1', '::8.8.8.8', '::ffff:0:8.8.8.8', '64:ff9b::1:8.8.8.8']],
    ['with a zone', ['fe80::1%eth0', '2606:4700::1111%eth0', '::1%1']],
    ['no address', ['example.com', '', '1.2.3', '1.2.3.4.5', '300.1.1.1', ':::', '1::2::3', '12345::']],
    [
      'of another spelling',
      ['010.0.0.1', '0x7f.0.0.1', '2130706433', '127.1', '[::1]', '::ffff:300.1.1.1', '8.8.8.8 '],
    ],
  ])('webhooks#24: %s', (_, addresses) => {
    for (const address of addresses) expect([address, isForbiddenAddress(address)]).toEqual([address, true]);
  });

  test('the public internet is reached', () => {
    for (const address of [
      ...['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '11.0.0.1', '223.255.255.255'],
      ...[
        '2000::1',
        '2001:200::1',
        '2001:4860:4860::8888',
        '2606:4700::1111',
        '2620:4f:8001::1',
        '3ffe::1',
        '3fff:1000::1',
      ],
    ])
      expect([address, isForbiddenAddress(address)]).toEqual([address, false]);
  });
});
