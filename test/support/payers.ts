import { randomBytes } from 'node:crypto';
import { ExactEvmScheme } from '@x402/evm';
import { wrapFetchWithPayment as wrapV2, x402Client } from '@x402/fetch';
import type * as Accounts from 'viem/accounts' with { 'resolution-mode': 'import' };
import { wrapFetchWithPayment as wrapV1 } from 'x402-fetch';
import type { Authorization } from '../../domain/x402';
import { call, type CallAnswer, type Parsed } from './agents';
import { signInUser, type GatewayUser } from './gateway';
import { claim } from './owners';
import type { SdkAgent } from './sdk';
import type { Stack } from './stack';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { generatePrivateKey, privateKeyToAccount } = jest.requireActual<typeof Accounts>('viem/accounts');

/** What the tests pay with and how much: a cent of the test network's USDC. */
export const PRICE = {
  amount: '10000',
  asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
  network: 'eip155:84532',
  name: 'USDC',
  version: '2',
  decimals: 6,
};

/** Somebody with a throw-away key who pays with the published clients, or with headers of its own making. */
export interface Payer {
  account: Accounts.PrivateKeyAccount;
  /** In lower case, as the server knows it. */
  address: string;
  /** `fetch` that pays what it is asked for, as the published client of this version does. */
  paying: Record<1 | 2, typeof fetch>;
}

export function createPayer(): Payer {
  const account = privateKeyToAccount(generatePrivateKey());
  const client = new x402Client().register('eip155:*', new ExactEvmScheme(account));
  return {
    account,
    address: account.address.toLowerCase(),
    // The older client hands its options on to `fetch` as they are.
    paying: { 1: wrapV1(fetch, account as never) as typeof fetch, 2: wrapV2(fetch, client) as typeof fetch },
  };
}

/** Sets what the payer has with the local facilitator. */
export async function fund(url: string, { address }: Pick<Payer, 'address'>, amount = '1000000'): Promise<void> {
  const { network, asset } = PRICE;
  const answer = await call(url, 'POST', '/x402/facilitator/balances', { body: { network, asset, address, amount } });
  if (answer.status !== 200) throw new Error(answer.text);
}

/** An agent's owner who asks strangers for money. */
export async function offerPaidChat(
  stack: Stack,
  agent: SdkAgent,
  more: object = {},
): Promise<{ owner: GatewayUser; payTo: string }> {
  const owner = await signInUser(stack);
  await claim(owner.owner, agent.account);
  const payTo = privateKeyToAccount(generatePrivateKey()).address;
  const body = { enabled: true, price: PRICE, pay_to: payTo, ...more };
  const answer = await owner.call('PUT', `/api/agents/${agent.handle}/payments`, { body });
  if (answer.status !== 200) throw new Error(answer.text);
  return { owner, payTo };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');
export const decode = (header: string | null): Parsed => JSON.parse(Buffer.from(header ?? '', 'base64').toString());

const TYPES = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' },
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' },
    { name: 'nonce', type: 'bytes32' },
  ],
} as const;

/** What `viem` signs of an authorization, by which our own recovery is judged. */
export const typedData = (
  authorization: Authorization,
  domain: { name: string; version: string; chainId: number },
) => ({
  domain: { ...domain, verifyingContract: PRICE.asset as `0x${string}` },
  types: TYPES,
  primaryType: 'TransferWithAuthorization' as const,
  message: {
    from: authorization.from as `0x${string}`,
    to: authorization.to as `0x${string}`,
    value: BigInt(authorization.value),
    validAfter: BigInt(authorization.validAfter),
    validBefore: BigInt(authorization.validBefore),
    nonce: authorization.nonce as `0x${string}`,
  },
});

export interface Signing {
  /** The entry of `accepts` that is paid. */
  terms: Parsed;
  /** What the payer signs instead of what it was asked for. */
  signed?: Partial<Authorization>;
  /** What stands in the header instead of what was signed. */
  shown?: Partial<Authorization>;
  accepted?: object;
  extensions?: object;
  network?: string;
}

/** A payment header of version 1 or 2, by whatever the test wants to be wrong with it. */
export async function signPayment(payer: Payer, version: 1 | 2, signing: Signing): Promise<Record<string, string>> {
  const { terms, signed, shown, extensions } = signing;
  const authorization: Authorization = {
    from: payer.account.address,
    to: terms.payTo,
    value: terms.amount ?? terms.maxAmountRequired,
    validAfter: '0',
    validBefore: String(Math.floor(Date.now() / 1_000) + terms.maxTimeoutSeconds),
    nonce: `0x${randomBytes(32).toString('hex')}`,
    ...signed,
  };
  const signature = await payer.account.signTypedData(
    typedData(authorization, { name: terms.extra.name, version: terms.extra.version, chainId: 84532 }),
  );
  const payload = { signature, authorization: { ...authorization, ...shown } };
  const network = signing.network ?? terms.network;
  if (version === 1) return { 'x-payment': encode({ x402Version: 1, scheme: 'exact', network, payload }) };
  const accepted = { ...terms, network, ...signing.accepted };
  const header = { x402Version: 2, accepted, payload, ...(extensions === undefined ? {} : { extensions }) };
  return { 'payment-signature': encode(header) };
}

/** Says `message` to an agent, with the headers of a payment or without. */
export const sayPaid = (
  url: string,
  { handle }: { handle: string },
  message: string | object,
  headers: Readonly<Record<string, string>> = {},
): Promise<CallAnswer> =>
  call(url, 'POST', `/api/paid/${handle}/chat`, {
    body: typeof message === 'string' ? { message } : message,
    headers: { 'content-type': 'application/json', ...headers },
  });

/** What is asked for in both versions, from the answer to a request without a payment. */
export async function termsOf(url: string, agent: { handle: string }): Promise<Record<1 | 2, Parsed>> {
  const { body } = await sayPaid(url, agent, 'What do you cost?');
  return { 1: body.accepts[0], 2: body.payment_required.accepts[0] };
}

/** One payment of the published client of this version. */
export async function payWith(
  payer: Payer,
  version: 1 | 2,
  url: string,
  { handle }: { handle: string },
  body: object,
): Promise<CallAnswer> {
  const response = await payer.paying[version](`${url}/api/paid/${handle}/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text), text };
}
