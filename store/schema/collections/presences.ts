import type { PresenceState } from '../../../domain/presence';
import { DATE_OR_NULL, NUMBER, shape, collection } from './collection';

/** The presence of one agent. `_id` = agent id. */
export type PresenceRow = PresenceState & { _id: string };

export const presences = collection<PresenceRow>({
  schema: shape({
    _id: 'string',
    v: NUMBER,
    sockets: 'array',
    override: ['object', 'null'],
    lastSeenAt: DATE_OR_NULL,
    expiresAt: DATE_OR_NULL,
  }),
  indexes: [
    // expireOne: whose proof of life is too old
    { name: 'expires_at', key: { expiresAt: 1 }, partialFilterExpression: { expiresAt: { $type: 'date' } } },
    // sockets of nodes that are gone
    { name: 'socket_node', key: { 'sockets.nodeId': 1 } },
  ],
});
