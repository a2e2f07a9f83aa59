import { checkWebhookUrl } from '../../domain/webhook-url';

const STRICT = { allowHttp: false, allowPrivate: false };
const LENIENT = { allowHttp: true, allowPrivate: true };
const isAccepted = (url: string, rules = STRICT): boolean => checkWebhookUrl(url, rules).fault === null;

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
