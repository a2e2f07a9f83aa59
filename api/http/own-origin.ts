import type { IncomingHttpHeaders } from 'node:http';

export interface OwnOrigin {
  publicBaseUrl: string;
  /** `DASHBOARD_ORIGINS` */
  allowed?: string[];
}

/**
 * Whether a browser may send this from the page it shows (dashboard.md §3.2): from our own origin or one of the list. A
 * caller without `Origin` is no browser, or one that says `Sec-Fetch-Site`. While the public address is plain http, which
 * is development, the address that the browser used counts as our own, too.
 */
export function isFromOwnOrigin(headers: IncomingHttpHeaders, { publicBaseUrl, allowed = [] }: OwnOrigin): boolean {
  const { origin, host } = headers;
  if (origin !== undefined && allowed.includes(origin)) return true;
  if (headers['sec-fetch-site'] === 'cross-site') return false;
  if (origin === undefined) return true;
  const own = new URL(publicBaseUrl);
  return origin === own.origin || (own.protocol === 'http:' && origin === `http://${host ?? ''}`);
}
