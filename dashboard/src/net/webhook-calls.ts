import type { Deliveries } from '../model/deliveries';
import type { Delivery, DeliveryDetail, RotatedSecret, Webhook, WebhookTest } from '../model/wire';
import type { Api } from './api';
import { query } from './query';

export const DELIVERIES_PAGE = 50;

const listPath = (handle: string): string => `/dashboard/agents/${encodeURIComponent(handle)}/webhooks`;
const hookPath = (handle: string, id: string): string => `${listPath(handle)}/${encodeURIComponent(id)}`;
const deliveriesPath = (handle: string, id: string): string => `${hookPath(handle, id)}/deliveries`;

/** A delivery of an endpoint of an agent. */
export interface DeliveryPlace {
  handle: string;
  webhookId: string;
  deliveryId: string;
}

const deliveryPath = ({ handle, webhookId, deliveryId }: DeliveryPlace): string =>
  `${deliveriesPath(handle, webhookId)}/${encodeURIComponent(deliveryId)}`;

/** What owners see of their agents' webhooks, and what they repair (docs/contract/webhooks.md §11, §12). */
export function webhookCalls(api: Api) {
  return {
    webhooks: (handle: string) =>
      api.call<{ webhooks: Webhook[] }>('GET', listPath(handle)).then(({ webhooks }) => webhooks),
    switchWebhook: (handle: string, id: string, active: boolean) =>
      api.call<Webhook>('PATCH', hookPath(handle, id), { active }),
    rotateWebhookSecret: (handle: string, id: string, rotation: { overlap_seconds: number; force: boolean }) =>
      api.call<RotatedSecret>('POST', `${hookPath(handle, id)}/rotate-secret`, rotation),
    testWebhook: (handle: string, id: string, event: string) =>
      api.call<WebhookTest>('POST', `${hookPath(handle, id)}/test`, { event }),
    recoverWebhook: (handle: string, id: string, recovery: { since: string; until?: string; status?: string }) =>
      api.call<{ job_id: string; matched: number }>('POST', `${hookPath(handle, id)}/recover`, recovery),

    deliveries: (handle: string, id: string, fields: Record<string, string | undefined>): Promise<Deliveries> =>
      api
        .call<{ deliveries: Delivery[]; next_cursor: string | null }>(
          'GET',
          `${deliveriesPath(handle, id)}${query({ ...fields, limit: DELIVERIES_PAGE })}`,
        )
        .then(({ deliveries, next_cursor: nextCursor }) => ({ rows: deliveries, nextCursor })),
    delivery: (place: DeliveryPlace) => api.call<DeliveryDetail>('GET', deliveryPath(place)),
    redeliver: (place: DeliveryPlace) => api.call<Delivery>('POST', `${deliveryPath(place)}/redeliver`),
  };
}
