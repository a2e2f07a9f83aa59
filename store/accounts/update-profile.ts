import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import { inboxInId, senderGuardId } from '../../domain/guards';
import type { Agent, AgentSettings } from '../schema/collections/agents';
import type { Database } from '../schema/database';
import { writeListed } from '../contacts/directory';
import { withTransactionOnBy } from '../schema/prove-caller';

/** What an agent changes of itself; what is left out stays. */
export interface ProfileChange {
  displayName?: string | null;
  description?: string | null;
  settings?: Partial<AgentSettings>;
}

/**
 * Changes an agent's texts and settings. The inbox mode lives in its `inbox-in` guard too, where sends to it decide by
 * it, and the display name in its `sender` guard, from which messages take it: row and guards change in one transaction,
 * so a racing send is before the change or sees it. A change that changes nothing writes nothing.
 *
 * Two at once are one after the other, the later one wins per field. A crash leaves all of it or nothing; a repeat
 * finds nothing to change.
 * @returns the agent afterwards
 * @throws AppError UNAUTHORIZED, SUSPENDED when its key or account ended since `agent` was read; then nothing has changed
 */
export async function updateProfile(database: Database, agent: Agent, change: ProfileChange, at: Date): Promise<Agent> {
  const changed = changedFields(agent, change);
  if (Object.keys(changed).length === 0) return agent;
  return withTransactionOnBy(database, { id: agent._id, caller: agent }, async (session) => {
    const { displayName } = change;
    const inboxMode = change.settings?.inboxMode;
    if (inboxMode !== undefined) await bump(database, inboxInId(agent._id), { inboxMode }, session);
    if (displayName !== undefined) await bump(database, senderGuardId(agent._id), { displayName }, session);
    const after = await database.agents.findOneAndUpdate(
      { _id: agent._id },
      { $set: { ...changed, updatedAt: at } },
      { returnDocument: 'after', session },
    );
    if (after === null) throw new AppError('UNAUTHORIZED');
    if (change.settings?.discoverable !== undefined) await writeListed(database, agent._id, session);
    return after;
  });
}

/** The fields of the row that differ, by their path in it. */
function changedFields(agent: Agent, { settings = {}, ...texts }: ProfileChange): Record<string, unknown> {
  const wanted: [string, unknown, unknown][] = [
    ['displayName', texts.displayName, agent.displayName],
    ['description', texts.description, agent.description],
    ['settings.inboxMode', settings.inboxMode, agent.settings.inboxMode],
    ['settings.groupInvitePolicy', settings.groupInvitePolicy, agent.settings.groupInvitePolicy],
    ['settings.discoverable', settings.discoverable, agent.settings.discoverable],
  ];
  return Object.fromEntries(
    wanted.flatMap(([path, value, now]) => (value === undefined || value === now ? [] : [[path, value]])),
  );
}

async function bump(database: Database, guardId: string, facts: object, session: ClientSession): Promise<void> {
  await database.guards.updateOne({ _id: guardId }, { $set: facts, $inc: { v: 1 } }, { session });
}
