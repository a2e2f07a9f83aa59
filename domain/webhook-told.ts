import type { WebhookEvent } from '../contract/events';

/** What an inactive webhook misses without a record: messages stay in the inbox, and an old presence is worth nothing. */
const NOT_RECORDED: WebhookEvent[] = ['message.new', 'presence.update'];

/** Whether an event becomes a row for a webhook: a delivery, or the record of what it misses while it is inactive. */
export function isToldOf(
  { active, events }: { active: boolean; events: WebhookEvent[] },
  event: WebhookEvent,
): boolean {
  return events.includes(event) && (active || !NOT_RECORDED.includes(event));
}
