import type { GatewayKey } from '../schema/collections/gateway';
import type { GatewayVisit } from '../schema/collections/links';

/** Who calls the gateway, and whose sessions, turns and events are whose (gateway.md §1). */
export interface Principal {
  /** `owner:<id>`, `key:<id>`, `visitor:<id>` or `payer:<id>`. */
  key: string;
  /** The account that calls; null: none, of those who came over a share link or paid. */
  ownerId: string | null;
  displayName: string | null;
  /** The address that a visitor has proven. */
  verifiedEmail: string | null;
  kind: 'owner' | 'key' | 'visitor' | 'payer';
  /** The one agent that a key is for; null: all. */
  agentId: string | null;
  /** The one team that a key is for. Absent: it is not for a team. */
  teamId?: string;
}

/** A caller of an account. */
export type AccountPrincipal = Principal & { ownerId: string };

type Owner = { id: string; displayName: string | null };

/** An owner with an access token. */
export const ownerPrincipal = ({ id, displayName }: Owner): AccountPrincipal => ({
  key: `owner:${id}`,
  ownerId: id,
  displayName,
  verifiedEmail: null,
  kind: 'owner',
  agentId: null,
});

/** Whoever pays for its turns, known by the address that the money comes from (gateway.md §6.3). @param address in lower case */
export const payerPrincipal = (address: string): Principal => ({
  key: `payer:${address}`,
  ownerId: null,
  displayName: null,
  verifiedEmail: null,
  kind: 'payer',
  agentId: null,
});

/** An application with a key of an owner. */
export const keyPrincipal = (
  { _id, agentId, teamId }: Pick<GatewayKey, '_id' | 'agentId' | 'teamId'>,
  owner: Owner,
): AccountPrincipal => ({
  ...ownerPrincipal(owner),
  key: `key:${_id}`,
  kind: 'key',
  agentId,
  ...(teamId === undefined ? {} : { teamId }),
});

/** Somebody who came over a share link; what it calls with is no part of it. */
export const visitorPrincipal = ({
  visitorId,
  verifiedEmail,
}: Pick<GatewayVisit, 'visitorId' | 'verifiedEmail'>): Principal => ({
  key: `visitor:${visitorId}`,
  ownerId: null,
  displayName: null,
  verifiedEmail,
  kind: 'visitor',
  agentId: null,
});
