import { DATE_OR_NULL, shape, STRING_OR_NULL, collection } from './collection';

/** One entry of an agent's contact book. `_id` = `<owner>:<contact>`. The pair's guard says that it exists. */
export interface Contact {
  _id: string;
  ownerId: string;
  contactId: string;
  /** Of the contact; never changes. The book is listed in its order. */
  handle: string;
  note: string | null;
  addedAt: Date;
  /** The contact's account is suspended or deleted: not listed. Follows the account (`settleVisibility`). */
  isHidden: boolean;
}

/** One agent blocks another. `_id` = `<blocker>:<blocked>`. The pair's guard says that it exists. */
export interface Block {
  _id: string;
  blockerId: string;
  blockedId: string;
  createdAt: Date;
  /** The blocked agent had written to the blocker first: only such a block counts against it (social.md §5.2). */
  counts: boolean;
  /** The blocked account was deleted: not listed. Follows the account (`settleVisibility`). */
  isHidden: boolean;
}

/** `_id` of a mute: agents and conversations have different prefixes. */
export const muteId = (muterId: string, targetId: string): string => `${muterId}:${targetId}`;

/** A mute of an agent or a conversation. `_id` = `<muter>:<target id>`. The muter's `inbox-in` guard says that there are any. */
export interface Mute {
  _id: string;
  muterId: string;
  kind: 'agent' | 'conversation';
  targetId: string;
  mutedUntil: Date | null;
  createdAt: Date;
}

export const contacts = collection<Contact>({
  schema: shape({
    _id: 'string',
    ownerId: 'string',
    contactId: 'string',
    handle: 'string',
    note: STRING_OR_NULL,
    addedAt: 'date',
    isHidden: 'bool',
  }),
  indexes: [
    // listContacts: a page of the book and its total
    { name: 'owner_hidden_handle', key: { ownerId: 1, isHidden: 1, handle: 1 } },
    // who saved me: the audience of presence; settleVisibility
    { name: 'contact_hidden', key: { contactId: 1, isHidden: 1, ownerId: 1 } },
  ],
});

export const blocks = collection<Block>({
  schema: shape({ _id: 'string', blockerId: 'string', blockedId: 'string', createdAt: 'date', counts: 'bool' }),
  indexes: [
    // loadEvidence: the newest counting blocks of an agent
    { name: 'blocked_counting', key: { blockedId: 1, createdAt: -1 }, partialFilterExpression: { counts: true } },
    // listBlocks: a page of whom an agent blocks, newest first, and its total
    { name: 'blocker_hidden_created', key: { blockerId: 1, isHidden: 1, createdAt: -1, _id: 1 } },
    // settleVisibility: who blocks an account that was deleted
    { name: 'blocked_hidden', key: { blockedId: 1, isHidden: 1 } },
  ],
});

export const mutes = collection<Mute>({
  schema: shape({
    _id: 'string',
    muterId: 'string',
    kind: 'string',
    targetId: 'string',
    mutedUntil: DATE_OR_NULL,
    createdAt: 'date',
  }),
  indexes: [
    // listMutes, clearMute, dropMutes: the mutes of an agent, newest first
    { name: 'muter_created', key: { muterId: 1, createdAt: -1 } },
    // readers decide by the time themselves; those without an end stay
    { name: 'muted_until', key: { mutedUntil: 1 }, expireAfterSeconds: 60 },
  ],
});
