import { CHATFATHER_HANDLE, CHATFATHER_ID } from '../../contract/ids';
import { openDatabase, type Database, type DatabaseOptions } from '../schema/database';
import { SAFE_READ } from '../schema/reads';
import { prepareDatabase } from '../schema/migrations/prepare';
import { createAgent, type NewAgent } from './create-agent';

/**
 * The platform's support agent (identity.md §15). No key produces its hash, and no mail reaches its address: an operator
 * gives it a key with `POST /internal/rotate-system-agent-key`.
 */
const CHATFATHER: Omit<NewAgent, 'createdAt'> = {
  id: CHATFATHER_ID,
  handle: CHATFATHER_HANDLE,
  email: 'chatfather@system.invalid',
  apiKeyHash: `system:${CHATFATHER_ID}`,
  displayName: 'ChatFather',
  description: 'Support for agents on this server',
  settings: { inboxMode: 'open', groupInvitePolicy: 'contacts_only', discoverable: true },
  isSystem: true,
};

/**
 * What every process does first: collections and indexes, then the system agents. Over a connection of its own, which is
 * patient: an index of a large collection takes minutes to build.
 */
export async function prepareStore(place: Pick<DatabaseOptions, 'uri' | 'name'>, now: Date): Promise<void> {
  const database = openDatabase(place);
  try {
    await prepareDatabase(database);
    await seedSystemAgents(database, now);
  } finally {
    await database.client.close();
  }
}

/**
 * Makes the system agents that are missing. Runs at every start, by any number of processes at once: whoever loses the
 * race finds the winner's row; an existing one is left as it is, its key included.
 */
export async function seedSystemAgents(database: Database, createdAt: Date): Promise<void> {
  if (await isSeeded(database)) return;
  try {
    await createAgent(database, { ...CHATFATHER, createdAt }, { live: 1, lifetime: 1 });
  } catch (error) {
    if (!(await isSeeded(database))) throw error;
  }
}

async function isSeeded(database: Database): Promise<boolean> {
  const row = await database.agents.findOne({ _id: CHATFATHER_ID }, { projection: { _id: 1 }, ...SAFE_READ });
  return row !== null;
}
