import type { Logger } from '../platform/logger';
import type { SealedSecret, Webhook } from '../store/schema/collections/webhooks';
import { previousExpiry } from '../store/webhooks/rotate-secret';

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

function openOr({ openSecret, log }: Deps, webhookId: string, secret: SealedSecret): string | null {
  try {
    return openSecret({ _id: webhookId, secret });
  } catch {
    log.error({ event: 'webhook.secret_unavailable', webhookId, mend: 'SECRET_KEYS lost a key' });
    return null;
  }
}
