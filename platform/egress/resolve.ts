import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';

/** All addresses of a host; none, or an error with the resolver's `code`, when there are none. */
export type Resolve = (host: string) => Promise<string[]>;

/** As the operating system does, with its hosts file: for `localhost` and the like during development. */
export const resolveBySystem: Resolve = async (host) => {
  const found = await dns.lookup(host, { all: true });
  return found.map(({ address }) => address);
};

/** The addresses of a URL's host; a literal is its own. */
export function addressesOf({ hostname }: URL, resolve: Resolve): Promise<string[]> {
  const host = hostname.replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? resolve(host) : Promise.resolve([host]);
}
