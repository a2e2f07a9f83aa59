import { promises as dns } from 'node:dns';

export interface LookUpOptions {
  /** For one question to one name server. */
  timeoutMs?: number;
  /** `address:port` of name servers; absent = those of the system. */
  servers?: string[];
}

/** Two questions at once, each tried twice at most: a caller waits no longer than a few seconds. */
const TRIES = 2;
const TIMEOUT_MS = 1_000;
const DEADLINE_MS = 3_000;

/**
 * Every IPv4 and IPv6 address that the name has now, within three seconds; none when it cannot be resolved, or not in
 * time. Asks name servers without taking a thread of the process, so that slow ones hold up nothing else.
 */
export async function lookUpAddresses(host: string, options: LookUpOptions = {}): Promise<string[]> {
  const resolver = new dns.Resolver({ timeout: options.timeoutMs ?? TIMEOUT_MS, tries: TRIES });
  if (options.servers !== undefined) resolver.setServers(options.servers);
  const deadline = setTimeout(() => resolver.cancel(), DEADLINE_MS);
  try {
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  } finally {
    clearTimeout(deadline);
  }
}
