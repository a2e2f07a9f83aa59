import { z } from 'zod';
import { mailedCode, step, UnlikeContract, type Addresses } from './demo-stack';

/** A parsed body. Loose: the contract lets answers have more than is looked at here. */
export type Body = z.infer<typeof anything>;
const anything = z.looseObject({});
const rows = z.array(anything);

export interface Answer {
  status: number;
  text: string;
  headers: Headers;
}

export interface CallOptions {
  body?: object;
  headers?: Record<string, string>;
  /** Instead of the user's token. */
  token?: string;
}

/** Somebody who calls the chat gateway, and says in a line what each call was answered. */
export class GatewayUser {
  constructor(
    private readonly url: string,
    private token: string | null = null,
  ) {}

  /** Signs in with a code from the local mailbox. */
  async signIn({ mailbox }: Addresses, email: string): Promise<void> {
    await this.call('POST', '/api/auth/email/request', 200, { body: { email } });
    const code = await mailedCode(mailbox, email);
    const tokens = objectOf(await this.call('POST', '/api/auth/email/verify', 200, { body: { email, code } }));
    this.token = textOf(tokens, 'access_token');
    note(`${email} is signed in for ${String(tokens['expires_in'])} s`);
  }

  /** @throws UnlikeContract when the answer has another status */
  async call(method: string, path: string, status: number, options: CallOptions = {}): Promise<Answer> {
    const token = options.token ?? this.token;
    const response = await fetch(this.url + path, {
      method,
      headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...options.headers },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    step(`  ${method} ${path} → ${response.status}`);
    if (response.status !== status) throw new UnlikeContract(`${method} ${path} answered ${response.status}: ${text}`);
    return { status, text, headers: response.headers };
  }
}

/** A line under a call: what it brought. */
export const note = (text: string): void => step(`      ${text}`);

/** The answer as a JSON object. */
export const objectOf = ({ text }: Pick<Answer, 'text'>): Body => anything.parse(JSON.parse(text));
/** The answer as a JSON array of objects. */
export const rowsOf = ({ text }: Answer): Body[] => rows.parse(JSON.parse(text));
/** A field that is a list of objects. */
export const listOf = (body: Body, field: string): Body[] => rows.parse(body[field]);
export const textOf = (body: Body, field: string): string => z.string().parse(body[field]);

/** @throws UnlikeContract unless it is so */
export function expectThat(isSo: boolean, promise: string): void {
  if (!isSo) throw new UnlikeContract(`The contract says: ${promise}. It was not so.`);
  note(`✓ ${promise}`);
}
