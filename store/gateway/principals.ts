import type { GatewayKey } from '../schema/collections/gateway';

/** Who calls the gateway, and whose sessions, turns and events are whose (gateway.md §1). */
export interface Principal {
  /** `owner:<id>` or `key:<id>`. */
  key: string;
  ownerId: string;
  displayName: string | null;
  kind: 'owner' | 'key';
  /** The one agent that a key is for; null: all. */
  agentId: string | null;
}

type Owner = { id: string; displayName: string | null };

/** An owner with an access token. */
export const ownerPrincipal = ({ id, displayName }: Owner): Principal => ({
  key: `owner:${id}`,
  ownerId: id,
  displayName,
  kind: 'owner',
  agentId: null,
});

/** An application with a key of an owner. */
export const keyPrincipal = ({ _id, agentId }: Pick<GatewayKey, '_id' | 'agentId'>, owner: Owner): Principal => ({
  ...ownerPrincipal(owner),
  key: `key:${_id}`,
  kind: 'key',
  agentId,
});
