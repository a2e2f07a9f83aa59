import type { OwnerWebhookView } from '../contract/owner-webhooks';
import { endpointStateOf, nextAttemptOf } from '../domain/endpoint-state';
import type { Webhook } from '../store/schema/collections/webhooks';
import type { Backlog } from '../store/webhooks/log/backlog';
import { presentWebhook } from './webhook';

/** A webhook as the owner of its agent sees it at `now`: as the agent does, and how its endpoint does. */
export function presentOwnerWebhook(
  webhook: Webhook,
  { secretHint, backlog, now }: { secretHint: string | null; backlog: Backlog; now: Date },
): OwnerWebhookView {
  const { breaker, active, held } = webhook;
  const { pending, failed, dead, earliestDue } = backlog;
  const { consecutive, lastFailureAt, openUntil } = breaker;
  return {
    ...presentWebhook(webhook, secretHint, now),
    health: {
      state: endpointStateOf(webhook),
      consecutive_failures: consecutive,
      last_failure_at: iso(lastFailureAt),
      pending: pending + failed,
      dead,
    },
    next_attempt_at: iso(nextAttemptOf(webhook, { isWaiting: pending > 0, earliestDue })),
    circuit_open_until: active ? iso(openUntil) : null,
    is_held: held !== null,
  };
}

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;
