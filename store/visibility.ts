import { isVisible } from '../domain/heads';
import type { Database } from './database';

/** Entries that one step rewrites: short steps hold nobody up. */
const BATCH = 1_000;

/**
 * Makes all contact books show or hide an agent as its account now is, then removes the rows that asked for it. Until
 * then lists correct themselves (`listContacts`), so nobody sees a difference. May run any number of times and at
 * several places at once: whoever writes looks at the account again afterwards and goes on until nothing differs.
 * A crash leaves the outbox row, which the relay takes up.
 */
export async function settleVisibility(database: Database, agentId: string): Promise<void> {
  const asked = await database.outbox
    .find({ kind: 'contacts.visibility', targetId: agentId }, { projection: { _id: 1 }, limit: 100, maxTimeMS: 5_000 })
    .toArray();
  for (;;) {
    const agent = await database.agents.findOne(
      { _id: agentId },
      { projection: { status: 1 }, readConcern: { level: 'majority' }, maxTimeMS: 5_000 },
    );
    const isHidden = agent === null || !isVisible(agent.status);
    const wrong = await database.contacts
      .find({ contactId: agentId, isHidden: !isHidden }, { projection: { _id: 1 }, limit: BATCH, maxTimeMS: 5_000 })
      .toArray();
    if (wrong.length === 0) break;
    await database.contacts.updateMany({ _id: { $in: wrong.map(({ _id }) => _id) } }, { $set: { isHidden } });
  }
  if (asked.length > 0) await database.outbox.deleteMany({ _id: { $in: asked.map(({ _id }) => _id) } });
}
