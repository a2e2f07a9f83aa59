import type { SealedSecret } from './webhooks';
import { DATE_OR_NULL, shape, STRING_OR_NULL, collection } from './collection';

/** A person who watches agents (dashboard.md §2). `_id` is a UUID that only the owner's own sockets are told. */
export interface Owner {
  _id: string;
  /** Trimmed and lowercase; one live row per address. It grants nothing over agents with the same address. */
  email: string;
  displayName: string | null;
  createdAt: Date;
  updatedAt: Date;
  deletedAt: Date | null;
  /** Signs the callbacks of the owner's own tasks (gateway.md §12.5). Absent: none was made. */
  callbackSecret?: SealedSecret;
}

/** Who watches an agent. `_id` = the agent's id, so there is one at most. */
export interface ClaimRow {
  _id: string;
  ownerId: string;
  claimedAt: Date;
  /** Grows with every new share link: of several at once each counts those before it. Absent = none yet. */
  linksMade?: number;
  /** Grows with every write of the owner's that proves its claim (`proveClaim`). Absent = none yet. */
  provenWrites?: number;
}

/** A refresh token by its hash: the token itself is never stored. */
export interface RefreshToken {
  /** SHA-256, 64 hex. */
  hash: string;
  /** How it was replaced; null = it is the current one. `nonce` and the key make the successor anew. */
  rotation: { nonce: string; keyId: string; at: Date } | null;
}

/** One signed-in browser. */
export interface OwnerSession {
  _id: string;
  ownerId: string;
  /** Oldest first: replaced ones while their grace lasts or until the next refresh, and last the current one. */
  tokens: RefreshToken[];
  createdAt: Date;
  lastRefreshedAt: Date;
  /** The last call that showed a token of this session, by the database's clock. */
  seenAt: Date;
  /** When the session is dead unless it is refreshed. */
  expiresAt: Date;
}

export const owners = collection<Owner>({
  schema: shape({
    _id: 'string',
    email: 'string',
    displayName: STRING_OR_NULL,
    createdAt: 'date',
    updatedAt: 'date',
    deletedAt: DATE_OR_NULL,
  }),
  // signIn: the live owner of an address; one at most, whoever signs up at the same time
  indexes: [
    { name: 'live_email', key: { email: 1 }, unique: true, partialFilterExpression: { deletedAt: { $type: 'null' } } },
  ],
});

export const claims = collection<ClaimRow>({
  schema: shape({ _id: 'string', ownerId: 'string', claimedAt: 'date' }),
  // listClaimed, findAgentsOf: the agents of an owner, newest claim first
  indexes: [{ name: 'owner_claimed', key: { ownerId: 1, claimedAt: -1, _id: 1 } }],
});

export const ownerSessions = collection<OwnerSession>({
  schema: shape({
    _id: 'string',
    ownerId: 'string',
    tokens: 'array',
    createdAt: 'date',
    lastRefreshedAt: 'date',
    seenAt: 'date',
    expiresAt: 'date',
  }),
  indexes: [
    // rotateToken, endSession: the session of a token, current or replaced
    { name: 'token_hash', key: { 'tokens.hash': 1 }, unique: true },
    // endAllSessions: those of an owner
    { name: 'owner', key: { ownerId: 1 } },
    // readers check expiresAt themselves: background deletion may lag
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 },
  ],
});
