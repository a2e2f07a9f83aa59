import type { Logger } from '../platform/logger';
import type { SealedSecret, Webhook } from '../store/schema/collections/webhooks';
import { previousExpiry, previousKeyExpiry } from '../store/webhooks/rotate-secret';
import { keyPairOwner } from '../store/webhooks/webhook-secrets';

interface Deps {
  /** @throws when the key that sealed it is gone */
  openSecret: (webhook: Pick<Webhook, '_id' | 'secret'>) => string;
  log: Logger;
}

/**
 * What an attempt at `now` is signed with, the newest first: a secret that was replaced only until its overlap ends,
 * however long the delivery waited (webhooks.md §11.3). Null when the newest cannot be opened; an older one that cannot
 * be is left out, so that receivers with the newest go on.
 */
export function activeSecrets(
  deps: Deps,
  webhook: Pick<Webhook, '_id' | 'secret' | 'previousSecret'>,
  now: Date,
): readonly [string, ...string[]] | null {
  const newest = openOr(deps, webhook._id, webhook.secret);
  if (newest === null) return null;
  const { previousSecret } = webhook;
  if (previousSecret === undefined || previousExpiry(webhook, now) === null) return [newest];
  const previous = openOr(deps, webhook._id, previousSecret.secret);
  return previous === null ? [newest] : [newest, previous];
}

/**
 * The private ed25519 keys that sign an attempt at `now` besides, the newest first, by the same rule; none where the agent
 * wants none. One that cannot be opened is left out: what is signed with the secret still arrives.
 */
export function activePrivateKeys(
  deps: Deps,
  webhook: Pick<Webhook, '_id' | 'keyPair' | 'previousKeyPair'>,
  now: Date,
): string[] {
  const { _id, keyPair, previousKeyPair } = webhook;
  if (keyPair === undefined) return [];
  const isOverlap = previousKeyPair !== undefined && previousKeyExpiry(webhook, now) !== null;
  const pairs = isOverlap ? [keyPair, previousKeyPair.keyPair] : [keyPair];
  return pairs
    .map(({ privateKey }) => openOr(deps, _id, privateKey, keyPairOwner(_id)))
    .filter((privateKey) => privateKey !== null);
}

function openOr(
  { openSecret, log }: Deps,
  webhookId: string,
  secret: SealedSecret,
  owner: string = webhookId,
): string | null {
  try {
    return openSecret({ _id: owner, secret });
  } catch {
    log.error({ event: 'webhook.secret_unavailable', webhookId, mend: 'SECRET_KEYS lost a key' });
    return null;
  }
}
