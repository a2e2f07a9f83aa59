import { isForbiddenAddress } from '../../domain/addresses';
import { checkWebhookUrl, FORBIDDEN_ADDRESS, type WebhookUrlRules } from '../../domain/webhook-url';
import { lookUpAddresses } from '../../platform/host-addresses';
import { fieldFault } from './field-fault';

/**
 * A URL that the platform may post to: webhooks.md §3. A name that nobody can resolve is accepted: it may come, and each
 * attempt asks again.
 * @param field of the body that has it
 * @throws AppError VALIDATION_ERROR
 */
export async function requireReachable(field: string, text: string, rules: WebhookUrlRules): Promise<void> {
  const check = checkWebhookUrl(text, rules);
  if (check.fault !== null) throw fieldFault(field, check.fault);
  if (rules.allowPrivate || check.isAddress) return;
  const addresses = await lookUpAddresses(check.host);
  if (addresses.some(isForbiddenAddress)) throw fieldFault(field, FORBIDDEN_ADDRESS);
}
