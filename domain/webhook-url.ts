import { WEBHOOK_URL_LENGTH_MAX } from '../contract/webhook-limits';
import { isAddress, isForbiddenAddress } from './addresses';

/** What an operator lifts for development: `WEBHOOK_ALLOW_HTTP`, `WEBHOOK_ALLOW_PRIVATE`. */
export interface WebhookUrlRules {
  allowHttp: boolean;
  allowPrivate: boolean;
}

/** What the rules make of a URL. `host` has no brackets; `isAddress`: it needs no look-up and was checked. */
export type WebhookUrlCheck = { fault: string } | { fault: null; url: URL; host: string; isAddress: boolean };

/** Names that mean this machine or this network wherever they are looked up. */
const LOCAL_NAMES = /(^|\.)(localhost|local|internal)$/;

/**
 * The rules of webhooks.md §3 that need no look-up; what the host resolves to is checked with `isForbiddenAddress`,
 * at registration and again at every attempt.
 */
export function checkWebhookUrl(text: string, rules: WebhookUrlRules): WebhookUrlCheck {
  const url = parse(text);
  if (url === null) return { fault: 'Expected an absolute https URL' };
  const fault = faultOf(text, url, rules);
  if (fault !== null) return { fault };
  // The parser has turned every spelling of an IPv4 address into the dotted one by now.
  const host = hostOf(url);
  if (isAddress(host)) {
    const isForbidden = !rules.allowPrivate && isForbiddenAddress(host);
    return isForbidden ? { fault: FORBIDDEN_ADDRESS } : { fault: null, url, host, isAddress: true };
  }
  if (!rules.allowPrivate && isLocalName(host)) return { fault: 'This host name is not public' };
  return { fault: null, url, host, isAddress: false };
}

/** Of a host that is, or resolves to, something else than the public internet. */
export const FORBIDDEN_ADDRESS = 'This host is not on the public internet';

/** White space and back slashes are what a lenient parser reads differently from everybody else. */
function parse(text: string): URL | null {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#]/i.test(text) || /[\s\\\p{Cc}]/u.test(text)) return null;
  return URL.canParse(text) ? new URL(text) : null;
}

function faultOf(text: string, url: URL, { allowHttp }: WebhookUrlRules): string | null {
  if (url.protocol === 'http:' && !allowHttp) return 'Only https is allowed';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'Expected an absolute https URL';
  if (text.length > WEBHOOK_URL_LENGTH_MAX) return `At most ${WEBHOOK_URL_LENGTH_MAX} characters`;
  const authority = /^[^:]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
  if (authority.includes('@')) return 'A user name or password is not allowed';
  if (text.includes('#')) return 'A fragment is not allowed';
  if (url.port === '0') return 'The port must be 1 to 65535';
  return null;
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function isLocalName(host: string): boolean {
  return !host.includes('.') || LOCAL_NAMES.test(host);
}
