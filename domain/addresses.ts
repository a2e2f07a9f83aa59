import { BlockList, isIP } from 'node:net';

/** IPv4 that is not the public internet: IANA's special-purpose registry, and multicast. */
const SPECIAL_V4 = [
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local, metadata of clouds
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT
  '192.88.99.0/24', // relays of 6to4
  '192.168.0.0/16', // private
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

/** The same for IPv6, of what lies within `2000::/3`. */
const SPECIAL_V6 = [
  '2001::/23', // protocol assignments: Teredo, benchmarks, AMT, AS112, ORCHID
  '2001:db8::/32', // documentation
  '2620:4f:8000::/48', // AS112
  '3fff::/20', // documentation
];

/** Where public addresses of IPv6 lie: what is assigned so far, which has 6to4 in it, IPv4-mapped, and NAT64. */
const PUBLIC_V6 = ['2000::/3', '::ffff:0:0/96', '64:ff9b::/96'];

/** A rule about IPv4 holds for IPv4-mapped addresses too, as Node says; the other forms that carry one are ours to name. */
const special = listOf([...SPECIAL_V4, ...SPECIAL_V4.flatMap(carriersOf), ...SPECIAL_V6]);
const publicV6 = listOf(PUBLIC_V6);

/**
 * True when webhooks may not connect to `address` (webhooks.md §3): anything but the public internet, also inside of
 * IPv4-mapped, NAT64 and 6to4 forms. What is no IP address is forbidden, too.
 * @param address as DNS or a socket gives it: dotted IPv4, or IPv6 without brackets
 */
export function isForbiddenAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return special.check(address, 'ipv4');
  // A zone (`fe80::1%eth0`) names a link of this machine: no public address has one.
  if (version === 0 || address.includes('%')) return true;
  return !publicV6.check(address, 'ipv6') || special.check(address, 'ipv6');
}

/** True for an IPv4 or IPv6 address in the usual notation. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/** The ranges of IPv6 that carry a range of IPv4: NAT64, 6to4. */
function carriersOf(range: string): string[] {
  const [base, prefix] = partsOf(range);
  const [a = 0, b = 0, c = 0, d = 0] = base.split('.').map(Number);
  const hex = (high: number, low: number): string => (high * 256 + low).toString(16);
  return [`64:ff9b::${base}/${96 + prefix}`, `2002:${hex(a, b)}:${hex(c, d)}::/${16 + prefix}`];
}

function listOf(ranges: string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [base, prefix] = partsOf(range);
    list.addSubnet(base, prefix, base.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list;
}

function partsOf(range: string): [base: string, prefix: number] {
  const [base = '', prefix = ''] = range.split('/');
  return [base, Number(prefix)];
}
