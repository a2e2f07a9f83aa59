import type { AccountStatus, InboxMode, PauseMode, StatusSource } from '../../../domain/guards';
import { DATE_OR_NULL, NUMBER, shape, STRING_OR_NULL, collection } from './collection';

/** identity.md §1. The row of a deleted agent stays for ever: its handle is never free again. */
export interface Agent {
  _id: string;
  handle: string;
  /** Lowercase. Live rows per email are capped by `emailGuards`. */
  email: string;
  /** SHA-256 of the key, 64 hex; of a deleted agent a value that no key has. */
  apiKeyHash: string;
  keyVersion: number;
  /** Moves with each commit that proves the caller, so that it collides with changes of key and status. Absent = none. */
  provenWrites?: number;
  displayName: string | null;
  description: string | null;
  avatarKey: string | null;
  status: AccountStatus;
  /** Who restricted or suspended it. Absent = community. */
  statusSource?: StatusSource;
  pausedByOwner: PauseMode;
  /** Grows with every change of the pause; absent = 0. */
  pauseEpoch?: number;
  /** Absent = never. */
  pauseChangedAt?: Date;
  settings: AgentSettings;
  isSystem: boolean;
  /** The directory shows it: `isListed` of domain/directory, kept by `writeListed`. */
  isListed: boolean;
  /** Copy of the inbox's salt, which never changes: sync needs it without another read. */
  inboxSalt: string;
  lastSeenAt: Date | null;
  /** Of a guest of the gateway: ids of the agents that see it. Absent = an agent. */
  guestOf?: string[];
  createdAt: Date;
  updatedAt: Date;
}

export interface AgentSettings {
  inboxMode: InboxMode;
  groupInvitePolicy: InboxMode;
  discoverable: boolean;
}

/** How many accounts an email has: the guard document of the caps of identity.md D-18. `_id` = hash of the email. */
export interface EmailGuard {
  _id: string;
  live: number;
  lifetime: number;
}

export const agents = collection<Agent>({
  schema: shape({
    _id: 'string',
    handle: 'string',
    email: 'string',
    apiKeyHash: 'string',
    keyVersion: NUMBER,
    displayName: STRING_OR_NULL,
    description: STRING_OR_NULL,
    avatarKey: STRING_OR_NULL,
    status: 'string',
    pausedByOwner: 'string',
    settings: 'object',
    isSystem: 'bool',
    isListed: 'bool',
    inboxSalt: 'string',
    lastSeenAt: DATE_OR_NULL,
    createdAt: 'date',
    updatedAt: 'date',
  }),
  indexes: [
    // findAgentByHandle, resolveHandles; unique over all rows for ever (identity.md §16.1)
    { name: 'handle', key: { handle: 1 }, unique: true },
    // searchDirectory: a page of the listed handles that start with a text, and their number
    { name: 'listed_handle', key: { isListed: 1, handle: 1 } },
    // findAgentsByKeyHash: authentication of every request
    { name: 'api_key_hash', key: { apiKeyHash: 1 }, unique: true },
    // listEnforced: restricted or suspended agents by handle
    {
      name: 'enforced_handle',
      key: { status: 1, handle: 1 },
      partialFilterExpression: { status: { $in: ['restricted', 'suspended'] } },
    },
    // recovery: the live accounts of an email
    { name: 'email', key: { email: 1, status: 1 } },
  ],
});

export const emailGuards = collection<EmailGuard>({
  schema: shape({ _id: 'string', live: NUMBER, lifetime: NUMBER }),
  indexes: [],
});
