import { randomBytes } from 'node:crypto';
import type { ClientSession } from 'mongodb';
import { newOutboxId } from '../../platform/ids';
import { agentActor, recordAudit } from '../schema/audit';
import type { Agent } from '../schema/collections/agents';
import { withTransaction, type Database } from '../schema/database';
import { lockGuards, writeStatus } from './account-facts';
import { emailKey } from './create-agent';
import { refuseOutdated } from '../schema/prove-caller';
import { revokeClaim } from './set-claim';
import { endEnforcement } from '../outbox/enforcement-requests';

/**
 * The cut-over of an account's end (identity.md §10): key dead, handle retired, place of the email free, hidden from
 * lists, its owner's claim ended, in one transaction with its event and the outbox row of the flow that does the rest. A racing send is before it
 * or sees it. With `keyVersion` only for who still holds that key and is not suspended.
 *
 * Repeating it changes nothing; of two at once the second finds the account deleted. A crash leaves all of it or nothing.
 * @returns null when the account was not there; else whose it was on the dashboard, null = nobody's
 * @throws AppError with `keyVersion`: UNAUTHORIZED, SUSPENDED
 */
export async function deleteAgent(
  database: Database,
  agentId: string,
  at: Date,
  keyVersion?: number,
): Promise<{ exOwnerId: string | null } | null> {
  return withTransaction(database, async (session) => {
    await lockGuards(database, agentId, session);
    const agent = await endKey(database, agentId, session);
    if (keyVersion !== undefined) refuseOutdated(agent, keyVersion);
    if (agent === null) return null;
    await writeStatus(database, agentId, { status: 'deleted' }, at, session);
    await endEnforcement(database, agentId, at, session);
    const exOwnerId = await revokeClaim(database, agentId, { reason: 'deleted', at }, session);
    await database.emailGuards.updateOne({ _id: emailKey(agent.email) }, { $inc: { live: -1 } }, { session });
    await recordAudit(
      database,
      { actor: agentActor(agentId), action: 'agent.deleted', targetId: agentId, at },
      session,
    );
    await database.outbox.insertOne(
      { _id: newOutboxId(), kind: 'account.deleted', targetId: agentId, handle: agent.handle, createdAt: at },
      { session },
    );
    return { exOwnerId };
  });
}

/** A deletion and a change of key or state at once conflict here: one comes after the other. */
function endKey(database: Database, agentId: string, session: ClientSession): Promise<Agent | null> {
  return database.agents.findOneAndUpdate(
    { _id: agentId, status: { $ne: 'deleted' } },
    { $set: { apiKeyHash: `deleted:${randomBytes(16).toString('hex')}` } },
    { returnDocument: 'before', session },
  );
}

/** The flow of an account's end was started: its row leaves the outbox. Repeating it finds none. */
export async function settleAccountDeletion(database: Database, agentId: string): Promise<void> {
  await database.outbox.deleteMany({ kind: 'account.deleted', targetId: agentId });
}
