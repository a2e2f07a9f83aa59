import fc from 'fast-check';
import {
  AGENT_TURNS_SETTABLE_MAX,
  LINK_NAME_LENGTH_MAX as NAME_MAX,
  LINK_WELCOME_LENGTH_MAX as WELCOME_MAX,
  PAID_TIMEOUT_SECONDS,
} from '../../contract/limits';
import { putPaymentsSchema } from '../../contract/payments';
import { createLinkSchema } from '../../contract/public-chat';
import {
  LINK_MESSAGES_MAX,
  LINK_NAME_LENGTH_MAX,
  LINK_WELCOME_LENGTH_MAX,
  linkBadge,
  linkChange,
  linkDraft,
  linkName,
  linkProblems,
  linkTerms,
  linkUsage,
  type LinkDraft,
} from '../../dashboard/src/model/links';
import {
  atomsOf,
  OTHER_TOKEN,
  PAID_TIMEOUT_S,
  paymentSettings,
  priceDraft,
  priceProblems,
  priceText,
  TOKENS,
  wholeOf,
  type PriceDraft,
} from '../../dashboard/src/model/price';
import { busyText, TURN_SLOTS_MAX, turnSlotsOf } from '../../dashboard/src/model/turn-slots';
import type { PaymentSettings, ShareLink } from '../../dashboard/src/model/wire';

const place = { locale: 'en-GB', timeZone: 'UTC' };
const NOW = Date.parse('2026-03-12T12:00:00.000Z');

function shareLink(fields: Partial<ShareLink> = {}): ShareLink {
  return {
    id: 'lnk_1',
    agent_name: 'Ada',
    name: 'Shop',
    token_prefix: 'pD4rUu',
    enabled: true,
    require_email: false,
    expires_at: null,
    max_messages: null,
    welcome: null,
    created_at: '2026-03-01T09:00:00.000Z',
    ...fields,
  };
}

describe('gateway §6.1: share links as owners type them', () => {
  const blank = linkDraft(null);
  const typed = (fields: Partial<LinkDraft>): LinkDraft => ({ ...blank, ...fields });

  test('the form knows the limits of the contract', () => {
    expect([LINK_NAME_LENGTH_MAX, LINK_WELCOME_LENGTH_MAX]).toEqual([NAME_MAX, WELCOME_MAX]);
    expect(createLinkSchema.safeParse({ max_messages: LINK_MESSAGES_MAX }).success).toBe(true);
    expect(createLinkSchema.safeParse({ max_messages: LINK_MESSAGES_MAX + 1 }).success).toBe(false);
  });

  test('a new link says only what was typed; an empty form asks for a link without terms', () => {
    expect(linkChange(blank, blank)).toEqual({});
    const whole = typed({
      name: ' Shop ',
      welcome: 'Hello',
      endsAt: '2027-01-02T03:04',
      messages: '100',
      asksForMail: true,
    });
    const change = linkChange(whole, blank);
    expect(change).toEqual({
      name: 'Shop',
      welcome: 'Hello',
      expires_at: new Date(2027, 0, 2, 3, 4).toISOString(),
      max_messages: 100,
      require_email: true,
    });
    expect(createLinkSchema.safeParse(change).success).toBe(true);
  });

  test('an edited link changes in what was edited and keeps the rest, seconds of its end included', () => {
    const link = shareLink({
      expires_at: '2027-01-02T03:04:59.000Z',
      max_messages: 5,
      welcome: 'Hi',
      require_email: true,
    });
    const before = linkDraft(link);
    expect(linkChange({ ...before, name: 'Café' }, before)).toEqual({ name: 'Café' });
    const emptied = { name: '', welcome: '', endsAt: '', messages: '', asksForMail: false };
    expect(linkChange(emptied, before)).toEqual({
      name: null,
      welcome: null,
      expires_at: null,
      max_messages: null,
      require_email: false,
    });
  });

  test('an end that has passed and a number that is none are refused; an end that was left alone is not', () => {
    for (const messages of ['0', '-1', '1.5', 'ten', '1000000001', '99999999999']) {
      expect([messages, linkProblems(typed({ messages }), blank, NOW)]).toEqual([
        messages,
        { messages: expect.any(String) },
      ]);
    }
    for (const messages of ['', ' ', '1', ' 1000000000 ']) {
      expect(linkProblems(typed({ messages }), blank, NOW)).toEqual({});
    }
    const past = typed({ endsAt: '2020-01-01T00:00' });
    expect(linkProblems(past, blank, NOW)).toEqual({ endsAt: expect.any(String) });
    expect(linkProblems(past, past, NOW)).toEqual({});
    expect(linkProblems(typed({ endsAt: '2100-01-01T00:00' }), blank, NOW)).toEqual({});
  });

  test('the minute that the field shows is the one that was set, in any zone', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2200-01-01T00:00:00Z'), noInvalidDate: true }), (date) => {
        date.setSeconds(0, 0);
        const { endsAt } = linkDraft(shareLink({ expires_at: date.toISOString() }));
        // Of the hour that the clock shows twice in autumn nobody can say which one is meant.
        expect(Math.abs(Date.parse(endsAt) - date.getTime()) % 3_600_000).toBe(0);
      }),
    );
  });

  test('a row says whether the link works, what it is called, its terms and how it was used', () => {
    expect(linkBadge(shareLink(), NOW).text).toBe('Enabled');
    expect(linkBadge(shareLink({ enabled: false }), NOW).text).toBe('Disabled');
    expect(linkBadge(shareLink({ expires_at: '2026-03-12T12:00:00.000Z' }), NOW).text).toBe('Expired');
    expect([linkName(shareLink()), linkName(shareLink({ name: null }))]).toEqual(['Shop', 'Link pD4rUu…']);
    expect(linkTerms(shareLink(), place)).toBe('created 1 March 2026');
    const terms = { require_email: true, max_messages: 1_000, expires_at: '2027-01-02T03:04:00.000Z' };
    expect(linkTerms(shareLink(terms), place)).toBe(
      'created 1 March 2026 · asks for a mail address · 1,000 messages at most · until 2 January 2027, 03:04',
    );
    const usage = { sessions: 1, messages: 12, unique_ips: 2, last_used_at: '2026-03-12T11:55:00.000Z' };
    expect(linkUsage({ usage }, NOW)).toBe('12 messages in 1 chat from 2 addresses, the last 5 minutes ago.');
    expect(linkUsage({ usage: { ...usage, last_used_at: null } }, NOW)).toBe('Not used yet.');
  });
});

describe('gateway §6.3: a price as owners type it', () => {
  const PAY_TO = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';
  const nothing: PaymentSettings = {
    enabled: false,
    price: null,
    pay_to: null,
    description: null,
    timeout_seconds: 120,
  };
  const typed = (fields: Partial<PriceDraft> = {}): PriceDraft => ({
    ...priceDraft(nothing),
    amount: '0.01',
    payTo: PAY_TO,
    ...fields,
  });
  const other = (fields: Partial<PriceDraft> = {}): PriceDraft =>
    typed({
      token: OTHER_TOKEN,
      network: 'eip155:1',
      asset: `0x${'a'.repeat(40)}`,
      name: 'Gold',
      version: '1',
      decimals: '2',
      ...fields,
    });

  test('a cent of a known token is what the contract calls it, and the server takes it', () => {
    const settings = paymentSettings(typed({ token: 'base-sepolia', description: ' A forecast ' }));
    expect(settings).toEqual({
      enabled: true,
      price: {
        amount: '10000',
        asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
        network: 'eip155:84532',
        name: 'USDC',
        version: '2',
        decimals: 6,
      },
      pay_to: PAY_TO,
      description: 'A forecast',
      timeout_seconds: 120,
    });
    for (const draft of [...TOKENS.map(({ id }) => typed({ token: id })), other()]) {
      expect(priceProblems(draft)).toEqual({});
      expect(putPaymentsSchema.safeParse(paymentSettings(draft)).success).toBe(true);
    }
    expect(PAID_TIMEOUT_S).toEqual(PAID_TIMEOUT_SECONDS);
  });

  test('the form shows what is set: saving it again changes nothing', () => {
    for (const draft of [typed(), typed({ token: 'base-sepolia', amount: '12' }), other({ amount: '1.5' })]) {
      expect(priceDraft(paymentSettings(draft))).toMatchObject({ token: draft.token, amount: draft.amount });
      expect(paymentSettings(priceDraft(paymentSettings(draft)))).toEqual(paymentSettings(draft));
    }
  });

  test.each<[string, keyof PriceDraft, PriceDraft]>([
    ['no price', 'amount', typed({ amount: '' })],
    ['a price of nothing', 'amount', typed({ amount: '0.00' })],
    ['a price below nothing', 'amount', typed({ amount: '-1' })],
    ['a comma, which some read as a point', 'amount', typed({ amount: '1,000' })],
    ['an exponent', 'amount', typed({ amount: '1e3' })],
    ['less than the token can be split', 'amount', typed({ amount: '0.0000001' })],
    ['more than a signature can say', 'amount', typed({ amount: '9'.repeat(80) })],
    ['no account', 'payTo', typed({ payTo: '' })],
    ['an account that is cut off', 'payTo', typed({ payTo: PAY_TO.slice(0, -1) })],
    ['the account of nobody', 'payTo', typed({ payTo: `0x${'0'.repeat(40)}` })],
    ['the token itself as account', 'payTo', typed({ payTo: TOKENS[0]?.asset.toLowerCase() ?? '' })],
    ['a wait that is too short', 'timeoutS', typed({ timeoutS: '9' })],
    ['a wait that is too long', 'timeoutS', typed({ timeoutS: '601' })],
    ['a wait that is no number', 'timeoutS', typed({ timeoutS: 'soon' })],
    ['a network of another kind', 'network', other({ network: 'base' })],
    ['a network without a number', 'network', other({ network: 'eip155:0' })],
    ['no token', 'asset', other({ asset: '0x12' })],
    ['a token without a name', 'name', other({ name: ' ' })],
    ['a token without a version', 'version', other({ version: '' })],
    ['a token without decimals', 'decimals', other({ decimals: '' })],
    ['a token with too many decimals', 'decimals', other({ decimals: '78' })],
  ])('%s is refused at its field', (_, field, draft) => {
    expect(priceProblems(draft)).toEqual({ [field]: expect.stringMatching(/\.$/) });
  });

  test('amounts are exact, however large, there and back', () => {
    expect([atomsOf('0.05', 6), atomsOf('1', 0), atomsOf('007', 2)]).toEqual(['50000', '1', '700']);
    expect([wholeOf('50000', 6), wholeOf('1', 18), wholeOf('100', 0)]).toEqual(['0.05', `0.${'0'.repeat(17)}1`, '100']);
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 77n - 1n }), fc.nat(77), (atoms, decimals) => {
        expect(atomsOf(wholeOf(String(atoms), decimals), decimals)).toBe(String(atoms));
      }),
    );
  });

  test('a price is said in tokens and networks that people know, else as it stands', () => {
    const said = (draft: PriceDraft): string => priceText(paymentSettings(draft).price ?? (undefined as never));
    expect(said(typed())).toBe('0.01 USDC on Base');
    expect(said(other({ amount: '3' }))).toBe('3 Gold on eip155:1');
  });
});

describe('gateway §9.2: how many turns an agent takes at once', () => {
  test('whole numbers from 1 to the limit are taken, everything else is not', () => {
    expect(TURN_SLOTS_MAX).toBe(AGENT_TURNS_SETTABLE_MAX);
    expect(['1', ' 8 ', '64'].map(turnSlotsOf)).toEqual([1, 8, 64]);
    expect(['', '0', '65', '1.5', '-1', 'many', '1e1'].map(turnSlotsOf)).toEqual(Array(7).fill(null));
  });

  test('what the agent is busy with is said in words', () => {
    const busy = (running: number, chats: number, tasks: number): string =>
      busyText({ max: 8, running, waiting: { chats, tasks } });
    expect(busy(0, 0, 0)).toBe('None is running now.');
    expect(busy(3, 0, 0)).toBe('3 running now.');
    expect(busy(8, 1, 2)).toBe('8 running now, 1 chat and 2 tasks waiting.');
  });
});
