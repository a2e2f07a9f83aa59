import type { WebhookEvent } from '../contract/events';

/** What operational events tell of a webhook (webhooks.md §11.8), each by its name. */
export type OperationalFacts =
  | {
      event: 'webhook.delivery.exhausted';
      deliveryId: string;
      /** Of the delivery that was given up. */
      delivered: { event: WebhookEvent; eventId: string };
      attempts: number;
      lastStatus: number | null;
      lastError: string | null;
    }
  | { event: 'webhook.endpoint.failing'; since: Date; consecutiveFailures: number }
  | { event: 'webhook.endpoint.disabled'; reason: 'failing' | 'gone' | 'manual' }
  | { event: 'webhook.endpoint.recovered'; failingSince: Date }
  | {
      event: 'webhook.secret.rotated';
      what: 'secret' | 'key_pair';
      /** Until when what it replaced signs, too; null = it does not. */
      previousExpiresAt: Date | null;
    };
