import type { PaymentSettings } from './wire';

export type Price = NonNullable<PaymentSettings['price']>;

/** docs/contract/gateway.md §6.3. */
export const DESCRIPTION_LENGTH_MAX = 500;
export const TOKEN_TEXT_LENGTH_MAX = 100;
export const PAID_TIMEOUT_S = { default: 120, min: 10, max: 600 } as const;
const AMOUNT_LENGTH_MAX = 77;
const DECIMALS_MAX = 77;

/** A token that needs no explaining: the rest of a price follows from its choice. */
interface KnownToken extends Omit<Price, 'amount'> {
  id: string;
  title: string;
  symbol: string;
}

const USDC = { symbol: 'USDC', version: '2', decimals: 6 } as const;

export const TOKENS: readonly KnownToken[] = [
  {
    ...USDC,
    id: 'base',
    title: 'USDC on Base',
    network: 'eip155:8453',
    asset: '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913',
    name: 'USD Coin',
  },
  {
    ...USDC,
    id: 'base-sepolia',
    title: 'USDC on Base Sepolia (play money)',
    network: 'eip155:84532',
    asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
    name: 'USDC',
  },
];
/** Instead of the id of a known token: everything of it is typed. */
export const OTHER_TOKEN = 'other';

const NETWORKS: Readonly<Record<string, string>> = {
  'eip155:8453': 'Base',
  'eip155:84532': 'Base Sepolia',
  'eip155:43114': 'Avalanche',
  'eip155:43113': 'Avalanche Fuji',
};

/** A price as it is typed into its form. */
export interface PriceDraft {
  token: string;
  /** In whole tokens, like `0.05`. */
  amount: string;
  network: string;
  asset: string;
  name: string;
  version: string;
  decimals: string;
  payTo: string;
  description: string;
  timeoutS: string;
}

export type PriceProblems = Partial<Record<keyof PriceDraft, string>>;

const isKnown = (price: Price, token: KnownToken): boolean =>
  price.network === token.network &&
  price.asset.toLowerCase() === token.asset.toLowerCase() &&
  price.name === token.name &&
  price.version === token.version &&
  price.decimals === token.decimals;

/** What an agent's turns cost, in the form; where nobody has said it yet a form to begin with. */
export function priceDraft({
  price,
  pay_to: payTo,
  description,
  timeout_seconds: timeoutS,
}: PaymentSettings): PriceDraft {
  const rest = { payTo: payTo ?? '', description: description ?? '', timeoutS: String(timeoutS) };
  if (price === null) {
    return {
      token: TOKENS[0]?.id ?? OTHER_TOKEN,
      amount: '',
      network: '',
      asset: '',
      name: '',
      version: '',
      decimals: '',
      ...rest,
    };
  }
  const token = TOKENS.find((known) => isKnown(price, known))?.id ?? OTHER_TOKEN;
  const { amount, decimals, network, asset, name, version } = price;
  return {
    token,
    amount: wholeOf(amount, decimals),
    network,
    asset,
    name,
    version,
    decimals: String(decimals),
    ...rest,
  };
}

/** The token that was chosen, or typed. */
function tokenOf(draft: PriceDraft): Omit<Price, 'amount'> & { symbol: string } {
  const known = TOKENS.find(({ id }) => id === draft.token);
  if (known !== undefined) return known;
  const { network, asset, name, version, decimals } = draft;
  return {
    network: network.trim(),
    asset: asset.trim(),
    name: name.trim(),
    version: version.trim(),
    decimals: wholeNumber(decimals) ?? NaN,
    symbol: name.trim() || 'This token',
  };
}

const isAccount = (text: string): boolean => /^0x[0-9a-fA-F]{40}$/.test(text);
const NO_ACCOUNT = /^0x0{40}$/;
const ACCOUNT_TEXT = 'Write 0x and 40 digits or letters from a to f.';

/** What cannot be sent of what was typed. Nobody can take a payment back, so all of it is looked at before. */
export function priceProblems(draft: PriceDraft): PriceProblems {
  const token = tokenOf(draft);
  const timeoutS = wholeNumber(draft.timeoutS) ?? 0;
  const found: Record<keyof PriceProblems, string | null> = {
    token: null,
    ...(draft.token === OTHER_TOKEN ? tokenProblems(token, draft.decimals) : NO_TOKEN_PROBLEMS),
    amount: amountProblem(draft.amount.trim(), token),
    payTo: payToProblem(draft.payTo.trim(), token.asset),
    description: null,
    timeoutS:
      timeoutS < PAID_TIMEOUT_S.min || timeoutS > PAID_TIMEOUT_S.max
        ? `Write a whole number from ${PAID_TIMEOUT_S.min} to ${PAID_TIMEOUT_S.max}.`
        : null,
  };
  return Object.fromEntries(Object.entries(found).flatMap(([field, text]) => (text === null ? [] : [[field, text]])));
}

function payToProblem(payTo: string, asset: string): string | null {
  if (!isAccount(payTo)) return ACCOUNT_TEXT;
  if (NO_ACCOUNT.test(payTo)) return 'Nobody has this account.';
  const isToken = payTo.toLowerCase() === asset.toLowerCase();
  return isToken ? 'This is the address of the token. Write the one of your own account.' : null;
}

const NO_TOKEN_PROBLEMS = { network: null, asset: null, name: null, version: null, decimals: null };

function tokenProblems({ network, asset, name, version, decimals }: Omit<Price, 'amount'>, typed: string) {
  const chain = /^eip155:([1-9]\d{0,15})$/.exec(network)?.[1];
  const isChain = chain !== undefined && Number.isSafeInteger(Number(chain));
  const isDecimals = wholeNumber(typed) !== null && decimals <= DECIMALS_MAX;
  return {
    network: isChain ? null : 'Write eip155: and the number of the chain, like eip155:8453.',
    asset: isAccount(asset) ? null : ACCOUNT_TEXT,
    name: name === '' ? 'Write the name that signatures for the token are made with.' : null,
    version: version === '' ? 'Write the version that signatures for the token are made with.' : null,
    decimals: isDecimals ? null : `Write a whole number from 0 to ${DECIMALS_MAX}.`,
  };
}

function amountProblem(amount: string, { decimals, symbol }: { decimals: number; symbol: string }): string | null {
  const [, fraction = ''] = amount.split('.');
  if (!/^\d+(\.\d+)?$/.test(amount)) return 'Write a number with a point, like 0.05.';
  if (!/[1-9]/.test(amount)) return 'Write more than 0.';
  // Without its decimals nobody can tell: that field says so.
  if (Number.isNaN(decimals)) return null;
  if (fraction.length > decimals) return `${symbol} has ${decimals} digits behind the point at most.`;
  return atomsOf(amount, decimals).length > AMOUNT_LENGTH_MAX ? 'Write less.' : null;
}

function wholeNumber(text: string): number | null {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text) : null;
}

/** What the server is told. Only of a form without problems. */
export function paymentSettings(draft: PriceDraft): PaymentSettings {
  const { network, asset, name, version, decimals } = tokenOf(draft);
  const amount = atomsOf(draft.amount.trim(), decimals);
  return {
    enabled: true,
    price: { amount, asset, network, name, version, decimals },
    pay_to: draft.payTo.trim(),
    description: draft.description.trim() || null,
    timeout_seconds: Number(draft.timeoutS),
  };
}

/** `0.05` of a token with 6 decimals is `50000` of its smallest unit. As text: amounts are larger than numbers are exact. */
export function atomsOf(whole: string, decimals: number): string {
  const [before = '', behind = ''] = whole.split('.');
  return `${before}${behind.padEnd(decimals, '0')}`.replace(/^0+(?=\d)/, '');
}

/** The way back: `50000` is `0.05`. */
export function wholeOf(atoms: string, decimals: number): string {
  const digits = atoms.padStart(decimals + 1, '0');
  const at = digits.length - decimals;
  const behind = digits.slice(at).replace(/0+$/, '');
  return behind === '' ? digits.slice(0, at) : `${digits.slice(0, at)}.${behind}`;
}

/** `0.05 USDC on Base` */
export function priceText(price: Price): string {
  const symbol = TOKENS.find((known) => isKnown(price, known))?.symbol ?? price.name;
  return `${wholeOf(price.amount, price.decimals)} ${symbol} on ${NETWORKS[price.network] ?? price.network}`;
}
