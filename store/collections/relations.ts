import { DATE_OR_NULL, shape, STRING_OR_NULL, type CollectionSpec } from './collection';

/** One entry of an agent's contact book. `_id` = `<owner>:<contact>`. The pair's head says that it exists. */
export interface Contact {
  _id: string;
  ownerId: string;
  contactId: string;
  note: string | null;
  addedAt: Date;
}

/** One agent blocks another. `_id` = `<blocker>:<blocked>`. The pair's head says that it exists. */
export interface Block {
  _id: string;
  blockerId: string;
  blockedId: string;
  createdAt: Date;
}

/** A mute of an agent or a conversation. `_id` = `<muter>:<target id>`. */
export interface Mute {
  _id: string;
  muterId: string;
  kind: 'agent' | 'conversation';
  targetId: string;
  mutedUntil: Date | null;
  createdAt: Date;
}

export const contacts: CollectionSpec = {
  name: 'contacts',
  schema: shape({ _id: 'string', ownerId: 'string', contactId: 'string', note: STRING_OR_NULL, addedAt: 'date' }),
  indexes: [],
};

export const blocks: CollectionSpec = {
  name: 'blocks',
  schema: shape({ _id: 'string', blockerId: 'string', blockedId: 'string', createdAt: 'date' }),
  indexes: [],
};

export const mutes: CollectionSpec = {
  name: 'mutes',
  schema: shape({ _id: 'string', muterId: 'string', kind: 'string', targetId: 'string', mutedUntil: DATE_OR_NULL }),
  indexes: [],
};
