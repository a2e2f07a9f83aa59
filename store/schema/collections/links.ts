import { collection, DATE_OR_NULL, NUMBER, shape, STRING_OR_NULL } from './collection';

/** A link by which anybody may chat with an agent: its owner's consent (gateway.md §6.1). Revoked = gone. */
export interface GatewayLink {
  _id: string;
  agentId: string;
  /** Who made it. Worth nothing while the agent is another's. */
  ownerId: string;
  name: string | null;
  /** SHA-256 of the token, 64 hex. */
  tokenHash: string;
  /** Its first characters, by which its owner tells it from others. */
  tokenPrefix: string;
  enabled: boolean;
  /** Visitors prove an address first. */
  requireEmail: boolean;
  expiresAt: Date | null;
  maxMessages: number | null;
  welcome: string | null;
  /** Counted in the commits of what they count. */
  usage: { sessions: number; messages: number; addresses: number; lastUsedAt: Date | null };
  /** The guests that the agent blocked or reported lately, each once, oldest first. */
  complaints: { guestId: string; at: Date }[];
  createdAt: Date;
}

/**
 * By what a visitor of a link is known again. `_id` = SHA-256 of the id of its session, or of the token that it got for a
 * mailed code: neither is stored.
 */
export interface GatewayVisit {
  _id: string;
  linkId: string;
  /** Of its principal; says nothing of what it calls with. */
  visitorId: string;
  /** The address that it has proven; then the address is the visitor, whatever token it calls with. */
  verifiedEmail: string | null;
  /** Null: as long as the link. */
  expiresAt: Date | null;
  createdAt: Date;
}

/** That somebody came over a link from an address. `_id` = link and a keyed hash of both: the address is not stored. */
export interface GatewayLinkAddress {
  _id: string;
}

export const gatewayLinks = collection<GatewayLink>({
  schema: shape({
    _id: 'string',
    agentId: 'string',
    ownerId: 'string',
    name: STRING_OR_NULL,
    tokenHash: 'string',
    tokenPrefix: 'string',
    enabled: 'bool',
    requireEmail: 'bool',
    expiresAt: DATE_OR_NULL,
    maxMessages: [...NUMBER, 'null'],
    welcome: STRING_OR_NULL,
    usage: 'object',
    complaints: 'array',
    createdAt: 'date',
  }),
  indexes: [
    // findLinkByToken: every call of the public chat
    { name: 'token_hash', key: { tokenHash: 1 }, unique: true },
    // listLinks, insertLink: those of an agent, newest first
    { name: 'agent_owner_created', key: { agentId: 1, ownerId: 1, createdAt: -1, _id: 1 } },
  ],
});

export const gatewayVisits = collection<GatewayVisit>({
  schema: shape({
    _id: 'string',
    linkId: 'string',
    visitorId: 'string',
    verifiedEmail: STRING_OR_NULL,
    expiresAt: DATE_OR_NULL,
    createdAt: 'date',
  }),
  indexes: [
    // forgetVisitors: those of a link that was revoked
    { name: 'link', key: { linkId: 1 } },
    // readers check expiresAt themselves: background deletion may lag
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 },
  ],
});

export const gatewayLinkAddresses = collection<GatewayLinkAddress>({
  schema: shape({ _id: 'string' }),
  // those of a link are a range of `_id`
  indexes: [],
});
