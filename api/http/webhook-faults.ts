import { AppError } from '../../contract/errors';
import { isSystemEvent, OPERATIONAL_WEBHOOK_EVENTS, WEBHOOK_EVENTS, type WebhookEvent } from '../../contract/events';
import type { Agent } from '../../store/schema/collections/agents';
import { fieldFault } from './field-fault';

/** Of a webhook that the agent does not have, whoever else has it. */
export function webhookNotFound(): AppError {
  return new AppError('NOT_FOUND', undefined, undefined, 'Webhook not found');
}

/**
 * Events that this agent may ask for.
 * @throws AppError VALIDATION_ERROR, the same fault as for a name that no event has
 */
export function requireAllowed(
  { isSystem }: Pick<Agent, 'isSystem'>,
  events: WebhookEvent[],
  field: 'events' | 'event' = 'events',
): void {
  if (isSystem || !events.some(isSystemEvent)) return;
  const expected = [...WEBHOOK_EVENTS, ...OPERATIONAL_WEBHOOK_EVENTS].map((name) => `"${name}"`).join('|');
  throw fieldFault(field, `Invalid option: expected one of ${expected}`);
}
