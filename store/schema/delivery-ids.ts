import { hash } from 'node:crypto';
import { DELIVERY_ID_PATTERN, ID_PREFIX } from '../../contract/ids';

/**
 * The id of the envelope at `position`: a cursor that needs no look-up and that nobody else can make, because the
 * hash covers a random salt of the inbox. Survives changes of keys and secrets.
 */
export function deliveryId(agentId: string, salt: string, position: number): string {
  return ID_PREFIX.delivery + position.toString(16).padStart(12, '0') + proof(agentId, salt, position);
}

/** The position that `id` names in this agent's inbox; null when malformed or not made for this inbox. */
export function positionOf(id: string, agentId: string, salt: string): number | null {
  if (!DELIVERY_ID_PATTERN.test(id)) return null;
  const position = Number.parseInt(id.slice(4, 16), 16);
  return id.slice(16) === proof(agentId, salt, position) ? position : null;
}

function proof(agentId: string, salt: string, position: number): string {
  return hash('sha256', `${agentId}|${position}|${salt}`, 'hex').slice(0, 20);
}
