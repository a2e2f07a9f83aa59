import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';

/** All addresses of a host. @throws with the resolver's `code` when there are none */
export type Resolve = (host: string) => Promise<string[]>;

/** Two tries of this length stay well under the time that an exchange has. */
const TRY_MS = 2_000;

/**
 * Asks the name servers, not the operating system: the system's look-ups wait in a pool of four threads, where one name
 * server that does not answer would hold up every other endpoint.
 */
export function resolveByNameServer(): Resolve {
  const resolver = new dns.Resolver({ timeout: TRY_MS, tries: 2 });
  return async (host) => {
    const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    if (addresses.length === 0)
      throw found.find((result) => result.status === 'rejected')?.reason ?? new Error('no address');
    return addresses;
  };
}

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
