/** Ranges of IPv4 that are not the public internet (IANA special-purpose registry), as `[base, prefix length]`. */
const FORBIDDEN_V4: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // multicast, reserved, broadcast
  ['224.0.0.0', 3],
];

/**
 * Ranges within `2000::/3` that are not the public internet; everything outside of `2000::/3` is forbidden but the
 * forms of IPv4 below.
 */
const FORBIDDEN_V6: [string, number][] = [
  // protocol assignments: Teredo, benchmarks, ORCHID
  ['2001::', 23],
  // documentation
  ['2001:db8::', 32],
  ['3fff::', 20],
];

/** Ranges of IPv6 that carry an IPv4 address, and at which of the eight groups it starts. */
const CARRIERS: [string, number, number][] = [
  ['::ffff:0:0', 96, 6],
  ['64:ff9b::', 96, 6],
  ['2002::', 16, 1],
];

/**
 * True when webhooks may not connect to `address` (webhooks.md §3): anything but the public internet, also inside of
 * IPv4-mapped, NAT64 and 6to4 forms. What is no IP address is forbidden, too.
 * @param address as DNS or a socket gives it: dotted IPv4, or IPv6 without brackets
 */
export function isForbiddenAddress(address: string): boolean {
  const v4 = parseIpv4(address);
  if (v4 !== null) return isForbiddenV4(v4);
  const v6 = parseIpv6(address);
  return v6 === null || isForbiddenV6(v6);
}

/** True for an IPv4 or IPv6 address in the usual notation. */
export function isAddress(text: string): boolean {
  return parseIpv4(text) !== null || parseIpv6(text) !== null;
}

function isForbiddenV4(groups: number[]): boolean {
  return FORBIDDEN_V4.some(([base, prefix]) => isWithin(groups, parseIpv4(base) ?? [], prefix));
}

function isForbiddenV6(groups: number[]): boolean {
  for (const [base, prefix, at] of CARRIERS) {
    if (isWithin(groups, parseIpv6(base) ?? [], prefix)) return isForbiddenV4(groups.slice(at, at + 2));
  }
  if (!isWithin(groups, parseIpv6('2000::') ?? [], 3)) return true;
  return FORBIDDEN_V6.some(([base, prefix]) => isWithin(groups, parseIpv6(base) ?? [], prefix));
}

/** Both as groups of 16 bits. */
function isWithin(groups: number[], base: number[], prefix: number): boolean {
  return groups.every((group, index) => {
    const bits = Math.min(16, Math.max(0, prefix - index * 16));
    return group >> (16 - bits) === (base[index] ?? 0) >> (16 - bits);
  });
}

/** Two groups of 16 bits; null when `text` is no dotted IPv4 address. */
function parseIpv4(text: string): number[] | null {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return null;
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  return Math.max(a, b, c, d) > 255 ? null : [a * 256 + b, c * 256 + d];
}

/** Eight groups of 16 bits; null when `text` is no IPv6 address. A zone (`%eth0`) is looked over. */
function parseIpv6(text: string): number[] | null {
  const address = text.replace(/%.*$/, '');
  const sides = address.split('::');
  if (!address.includes(':') || sides.length > 2) return null;
  const [head, tail] = sides.map((side) => parseGroups(side));
  if (head === undefined || head === null || tail === null) return null;
  if (tail === undefined) return head.length === 8 ? head : null;
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? null : [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function parseGroups(side: string): number[] | null {
  if (side === '') return [];
  const groups: number[] = [];
  const parts = side.split(':');
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 ? parseIpv4(part) : null;
    if (v4 !== null) groups.push(...v4);
    else if (/^[\da-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}
