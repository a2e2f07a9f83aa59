import { networkInterfaces } from 'node:os';

/** Hosts that mean every address of the machine. */
const ANY = ['0.0.0.0', '::', ''];

/**
 * By which other processes of this server reach the one that listens here: the host that it listens on, or, on all of
 * them, the first address that is not the machine's own loop.
 */
export function ownSocketUrl(host: string, port: number): string {
  const address = ANY.includes(host) ? firstAddress() : host;
  return `ws://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function firstAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outer = all.filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0);
  return (outer.find(({ family }) => family === 'IPv4') ?? outer[0])?.address ?? '127.0.0.1';
}
