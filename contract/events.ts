/** The events that webhooks may list: webhooks.md §1. Import-free. A name is never reused. */
export const WEBHOOK_EVENTS = [
  'message.new',
  'message.read',
  'presence.update',
  'contact.blocked',
  'group.invite.received',
  'group.deleted',
] as const;

export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];
