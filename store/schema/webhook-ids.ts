import { createHash } from 'node:crypto';
import { ID_PREFIX } from '../../contract/ids';

/** Characters of base64url that an id has behind its prefix: 132 bits of a hash (messaging.md §1). */
const LENGTH = 22;

/** What names the event of a message for one recipient for ever, whoever makes it, and when. */
export const messageEventKey = (messageId: string, recipientId: string): string =>
  `message.new|${messageId}|${recipientId}`;

/** The id of the event that an intent (`obx_…`, or what else names it once for ever) tells of. */
export function eventIdOf(intentId: string): string {
  return ID_PREFIX.webhookEvent + hash('event', intentId);
}

/** The id of the delivery of an event to one webhook: whoever processes the intent, and however often, it is the same. */
export function webhookDeliveryId(eventId: string, webhookId: string): string {
  return ID_PREFIX.webhookDelivery + hash('delivery', `${eventId}|${webhookId}`);
}

function hash(purpose: string, text: string): string {
  return createHash('sha256').update(`${purpose}|${text}`).digest('base64url').slice(0, LENGTH);
}
