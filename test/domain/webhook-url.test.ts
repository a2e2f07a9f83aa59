import { isForbiddenAddress } from '../../domain/addresses';
import { checkWebhookUrl } from '../../domain/webhook-url';

const STRICT = { allowHttp: false, allowPrivate: false };
const LENIENT = { allowHttp: true, allowPrivate: true };
const isAccepted = (url: string, rules = STRICT): boolean => checkWebhookUrl(url, rules).fault === null;

describe('addresses that webhooks may not reach', () => {
  test.each([
    ['loopback', ['127.0.0.1', '127.255.255.255', '::1']],
    ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fdff::1']],
    ['link-local and cloud metadata', ['169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'febf::1']],
    ['carrier-grade NAT', ['100.64.0.1', '100.127.255.255']],
    ['this network and unspecified', ['0.0.0.0', '0.1.2.3', '::']],
    [
      'multicast, broadcast, reserved',
      ['224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255', 'ff02::1', '4000::1'],
    ],
    [
      'documentation and benchmarks',
      ['192.0.2.1', '198.51.100.7', '203.0.113.9', '198.19.0.1', '2001:db8::1', '3fff::1'],
    ],
    ['IPv4-mapped', ['::ffff:10.0.0.1', '::ffff:127.0.0.1', '::ffff:a9fe:a9fe', '::FFFF:7F00:1']],
    ['6to4', ['2002:7f00:1::1', '2002:0a00:0001::', '2002:c0a8:101::1']],
    ['NAT64', ['64:ff9b::10.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1']],
    ['IPv4-compatible and Teredo', ['::127.0.0.1', '::8.8.8.8', '2001:0:1:2::3']],
    ['no address', ['example.com', '', '1.2.3', '1.2.3.4.5', '300.1.1.1', ':::', '1::2::3', '12345::']],
  ])('%s', (_, addresses) => {
    for (const address of addresses) expect([address, isForbiddenAddress(address)]).toEqual([address, true]);
  });

  test('the public internet is reached, also through forms of IPv4', () => {
    const open = [
      ...['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '11.0.0.1', '223.255.255.255'],
      ...['2606:4700::1111', '2001:4860:4860::8888', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::1'],
    ];
    for (const address of open) expect([address, isForbiddenAddress(address)]).toEqual([address, false]);
  });
});

describe('URLs of webhooks', () => {
  test('webhooks.md §3: https with a public name, or a public address', () => {
    for (const url of [
      'https://hooks.example.com',
      'https://hooks.example.com:8443/a/b?c=d&e=%20',
      'HTTPS://Hooks.Example.com/',
      'https://8.8.8.8/hook',
      'https://[2606:4700::1111]/hook',
      'https://bücher.example/',
      'https://xn--bcher-kva.example/',
      'https://localhost.example.com/',
      `https://example.com/${'a'.repeat(2_048 - 20)}`,
    ])
      expect([url, checkWebhookUrl(url, STRICT)]).toEqual([url, expect.objectContaining({ fault: null })]);
  });

  test.each([
    [
      'no absolute URL',
      ['', 'hooks', '/hooks', '//example.com', 'example.com/x', 'https:', 'https://', 'https:example.com'],
    ],
    ['another scheme', ['http://example.com/', 'ftp://example.com/', 'file:///etc/passwd', 'javascript:alert(1)']],
    [
      'lenient spellings',
      ['https:///example.com', 'https:\\\\example.com', ' https://example.com', 'https://exa\tmple.com'],
    ],
    [
      'user-info',
      ['https://user@example.com', 'https://user:pw@example.com', 'https://@example.com', 'https://:@example.com'],
    ],
    ['a fragment', ['https://example.com/#', 'https://example.com/#x']],
    ['a port out of range', ['https://example.com:0/', 'https://example.com:65536/']],
    ['too long', [`https://example.com/${'a'.repeat(2_049 - 20)}`]],
    ['local names', ['https://localhost/', 'https://a.localhost/', 'https://LOCALHOST./', 'https://printer.local/']],
    [
      'internal names',
      ['https://db.internal/', 'https://db.internal./', 'https://intranet/', 'https://metadata.google.internal'],
    ],
    ['addresses', ['https://127.0.0.1/', 'https://10.0.0.1:8443/', 'https://[::1]/', 'https://[::ffff:10.0.0.1]/']],
    [
      'other spellings of addresses',
      ['https://2130706433/', 'https://0x7f000001/', 'https://017700000001/', 'https://127.1/'],
    ],
    ['wide digits', ['https://①②⑦.⓪.⓪.①/', 'https://１２７.0.0.1/']],
  ])('webhooks.md §3: refused: %s', (_, urls) => {
    for (const url of urls) expect([url, isAccepted(url)]).toEqual([url, false]);
  });

  test('an operator may allow http and private addresses for development, nothing else', () => {
    expect(isAccepted('http://127.0.0.1:9000/hook', LENIENT)).toBe(true);
    expect(isAccepted('http://localhost/hook', LENIENT)).toBe(true);
    expect(isAccepted('http://example.com/', { allowHttp: false, allowPrivate: true })).toBe(false);
    expect(isAccepted('http://127.0.0.1/', { allowHttp: true, allowPrivate: false })).toBe(false);
    for (const url of ['ftp://example.com', 'http://user@localhost', 'http://localhost/#x', 'http://localhost:0/'])
      expect([url, isAccepted(url, LENIENT)]).toEqual([url, false]);
  });
});
