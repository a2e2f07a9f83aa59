// Import-free. A name is never reused.

/** The events that webhooks may list: webhooks.md §1. */
export const WEBHOOK_EVENTS = [
  'message.new',
  'message.read',
  'presence.update',
  'contact.blocked',
  'group.invite.received',
  'group.deleted',
] as const;

/** Those that only webhooks of system agents may list: identity.md §4. */
export const SYSTEM_WEBHOOK_EVENTS = ['agent.created'] as const;

/** Of a webhook, told to others of its owner: webhooks.md §11.8. */
export const OPERATIONAL_WEBHOOK_EVENTS = [
  'webhook.delivery.exhausted',
  'webhook.endpoint.failing',
  'webhook.endpoint.disabled',
  'webhook.endpoint.recovered',
  'webhook.secret.rotated',
] as const;

export type OperationalEvent = (typeof OPERATIONAL_WEBHOOK_EVENTS)[number];

export const ALL_WEBHOOK_EVENTS = [...WEBHOOK_EVENTS, ...SYSTEM_WEBHOOK_EVENTS, ...OPERATIONAL_WEBHOOK_EVENTS] as const;

export type WebhookEvent = (typeof ALL_WEBHOOK_EVENTS)[number];

/** Sent by tests of an endpoint only: nobody can subscribe to it (webhooks.md §11.4). */
export const PING_EVENT = 'ping';

/** Names the envelope in which a webhook that asked for batches gets its messages: nobody can list it (webhooks.md §11.7). */
export const BATCH_EVENT = 'message.new.batch';

/** messaging.md §2. */
export const MESSAGE_TYPES = ['text', 'structured', 'file', 'system'] as const;

/** True for events that ordinary agents must not ask for. */
export function isSystemEvent(event: WebhookEvent): boolean {
  return SYSTEM_WEBHOOK_EVENTS.some((name) => name === event);
}

/** True for events that are about a webhook. */
export function isOperationalEvent(event: WebhookEvent): event is OperationalEvent {
  return OPERATIONAL_WEBHOOK_EVENTS.some((name) => name === event);
}
