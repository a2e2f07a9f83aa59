import { BATCH_EVENT, type WebhookEvent } from '../contract/events';
import type { Delivery } from '../store/schema/collections/deliveries';

/** One event as all webhooks of its target are told of it. */
export interface ToldEvent {
  event: WebhookEvent;
  /** When it happened. */
  at: Date;
  /** JSON text. */
  data: string;
  /** `evt_…` */
  eventId: string;
}

/** The body of a delivery, made once: every attempt and every redelivery sends these bytes (webhooks.md §4). */
export function presentWebhookEvent({ event, at, data, eventId }: ToldEvent): string {
  const text = `{"event":"${event}","timestamp":"${at.toISOString()}","data":${data},"id":"${eventId}"}`;
  // Only whole characters have a form in UTF-8. All of this text is JSON, so they can stand escaped.
  return text.replace(/\p{Surrogate}/gu, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
}

/**
 * The envelope of a batch (webhooks.md §11.7): the events as they would have come by themselves, oldest first. A function
 * of what it holds, so every attempt sends the same bytes.
 * @param at when it was put together
 * @param bodies at least one
 */
export function presentWebhookBatch({ id, at, bodies }: { id: string; at: Date; bodies: string[] }): string {
  return `{"event":"${BATCH_EVENT}","timestamp":"${at.toISOString()}","events":[${bodies.join(',')}],"id":"${id}"}`;
}

/** An event of the past as JSON text: the bytes of its delivery, and what became of it; null = it never had one. */
export function presentPastEvent(body: string, last: Pick<Delivery, '_id' | 'status'> | null): string {
  const [id, status] = last === null ? [null, null] : [last._id, last.status];
  return `${body.slice(0, -1)},"delivery_id":${JSON.stringify(id)},"status":${JSON.stringify(status)}}`;
}
