import { isVisible } from '../../domain/guards';
import { withTransactionBy, type Caller } from '../schema/prove-caller';
import type { Agent } from '../schema/collections/agents';
import type { Contact } from '../schema/collections/relations';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** An entry of a book with the account that it names. */
export interface ContactRow {
  contact: Contact;
  agent: Pick<Agent, 'handle' | 'displayName' | 'description' | 'avatarKey' | 'status'>;
}

const PROFILE = { handle: 1, displayName: 1, description: 1, avatarKey: 1, status: 1 } as const;

/** Accounts whose entries are being rewritten at one time, more than ever are; the worker takes them up in a second. */
const CHANGING_MAX = 1_000;

/**
 * A page of the agent's contact book by handle and the size of the whole: entries of active and restricted accounts.
 * Served by one index whatever the size of the book.
 */
export async function listContacts(
  database: Database,
  ownerId: string,
  page: { limit: number; offset: number },
): Promise<{ rows: ContactRow[]; total: number }> {
  const filter = await shownFilter(database, ownerId);
  const [total, entries] = await Promise.all([
    database.contacts.countDocuments(filter, READ),
    database.contacts.find(filter, { sort: { handle: 1 }, skip: page.offset, limit: page.limit, ...READ }).toArray(),
  ]);
  const agents = await database.agents
    .find({ _id: { $in: entries.map(({ contactId }) => contactId) } }, { projection: PROFILE, ...READ })
    .toArray();
  const byId = new Map(agents.map((agent) => [agent._id, agent]));
  const rows = entries.flatMap((contact) => {
    const agent = byId.get(contact.contactId);
    return agent === undefined ? [] : [{ contact, agent }];
  });
  return { rows, total };
}

/** What the book shows: by the entries' own flag, but by the account where the flag is being rewritten just now. */
async function shownFilter(database: Database, ownerId: string) {
  const changing = await database.outbox
    .find({ kind: 'contacts.visibility' }, { limit: CHANGING_MAX, ...READ })
    .toArray();
  const ids = changing.flatMap((row) => (row.kind === 'contacts.visibility' ? [row.targetId] : []));
  const own = await database.contacts
    .find({ _id: { $in: ids.map((id) => `${ownerId}:${id}`) } }, { projection: { contactId: 1 }, ...READ })
    .toArray();
  if (own.length === 0) return { ownerId, isHidden: false };
  const accounts = await database.agents
    .find({ _id: { $in: own.map(({ contactId }) => contactId) } }, { projection: { status: 1 }, ...READ })
    .toArray();
  const shown = accounts.filter(({ status }) => isVisible(status)).map(({ _id }) => _id);
  const settled = { isHidden: false, contactId: { $nin: own.map(({ contactId }) => contactId) } };
  return { ownerId, $or: [settled, { isHidden: { $in: [true, false] }, contactId: { $in: shown } }] };
}

/** The entry of `contactId` in the agent's book, or null. */
export function findContact(database: Database, ownerId: string, contactId: string): Promise<Contact | null> {
  return database.contacts.findOne({ _id: `${ownerId}:${contactId}` }, READ);
}

/** Replaces the private note of the caller's entry. @returns whether there is such an entry */
export async function replaceNote(
  database: Database,
  caller: Caller,
  contactId: string,
  note: string | null,
): Promise<boolean> {
  const _id = `${caller._id}:${contactId}`;
  return withTransactionBy(database, caller, async (session) => {
    const { matchedCount } = await database.contacts.updateOne({ _id }, { $set: { note } }, { session });
    return matchedCount > 0;
  });
}
