import { isVisible } from '../../domain/guards';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';

/** Entries that one step rewrites: short steps hold nobody up. */
const BATCH = 1_000;

/**
 * Makes all contact books show or hide an agent as its account now is, and lists of blocks hide a deleted one; then
 * removes the rows that asked for it. Until then lists correct themselves (`listContacts`, `listBlocks`), so nobody sees
 * a difference. May run any number of times and at
 * several places at once: whoever writes looks at the account again afterwards and goes on until nothing differs.
 * A crash leaves the outbox row, which the relay takes up.
 */
export async function settleVisibility(database: Database, agentId: string): Promise<void> {
  const asked = await database.outbox
    .find({ kind: 'contacts.visibility', targetId: agentId }, { projection: { _id: 1 }, limit: 100, ...READ })
    .toArray();
  for (;;) {
    const agent = await database.agents.findOne({ _id: agentId }, { projection: { status: 1 }, ...SAFE_READ });
    const isHidden = agent === null || !isVisible(agent.status);
    const wrong = await database.contacts
      .find({ contactId: agentId, isHidden: !isHidden }, { projection: { _id: 1 }, limit: BATCH, ...READ })
      .toArray();
    if (wrong.length > 0) {
      await database.contacts.updateMany({ _id: { $in: wrong.map(({ _id }) => _id) } }, { $set: { isHidden } });
    } else if (agent?.status !== 'deleted' || !(await hideBlocks(database, agentId))) break;
  }
  if (asked.length > 0) await database.outbox.deleteMany({ _id: { $in: asked.map(({ _id }) => _id) } });
}

/** A step of hiding the blocks of a deleted account from those who made them. @returns whether there was one to hide */
async function hideBlocks(database: Database, blockedId: string): Promise<boolean> {
  const shown = await database.blocks
    .find({ blockedId, isHidden: false }, { projection: { _id: 1 }, limit: BATCH, ...READ })
    .toArray();
  await database.blocks.updateMany({ _id: { $in: shown.map(({ _id }) => _id) } }, { $set: { isHidden: true } });
  return shown.length > 0;
}
