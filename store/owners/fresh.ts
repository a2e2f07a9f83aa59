import type { OwnerNote } from '../../platform/bus';
import type { Agent } from '../schema/collections/agents';
import type { Database } from '../schema/database';
import { READ, SAFE_READ } from '../schema/reads';
import { deliveryId } from '../schema/delivery-ids';
import { findProfiles } from '../agents/profiles';
import type { OwnerMessage } from './messages';

type MessageNote = Extract<OwnerNote, { kind: 'message' }>;

/** A message that was just stored, as one of the owner's agents sees it. */
export interface FreshMessage {
  ownerId: string;
  agent: Pick<Agent, '_id' | 'handle'>;
  shown: OwnerMessage;
}

/**
 * What the dashboards of owners are shown of `notes`, in their order. Two steps of reads by ids for all of them. Notes
 * about agents that are not (any more) their owner's come to nothing.
 */
export async function readFresh(database: Database, notes: MessageNote[]): Promise<FreshMessage[]> {
  const agentIds = [...new Set(notes.map(({ agentId }) => agentId))];
  const [messages, claims, agents] = await Promise.all([
    database.messages
      .find({ _id: { $in: [...new Set(notes.map(({ messageId }) => messageId))] } }, SAFE_READ)
      .toArray(),
    database.claims.find({ _id: { $in: agentIds } }, SAFE_READ).toArray(),
    database.agents.find({ _id: { $in: agentIds } }, { projection: { handle: 1, inboxSalt: 1 }, ...READ }).toArray(),
  ]);
  const senders = await findProfiles(database, [...new Set(messages.map(({ senderId }) => senderId))]);
  const byId = new Map(messages.map((message) => [message._id, message]));
  const owners = new Map(claims.map(({ _id, ownerId }) => [_id, ownerId]));
  const watched = new Map(agents.map((agent) => [agent._id, agent]));
  return notes.flatMap(({ ownerId, agentId, messageId, position }): FreshMessage[] => {
    const [message, agent] = [byId.get(messageId), watched.get(agentId)];
    if (message === undefined || agent === undefined || owners.get(agentId) !== ownerId) return [];
    const isOwn = message.senderId === agentId;
    const shown = {
      message,
      isOwn,
      sender: isOwn ? null : (senders.get(message.senderId) ?? null),
      envelope: null,
      deliveryId: position === null ? null : deliveryId(agentId, agent.inboxSalt, position),
    };
    return [{ ownerId, agent, shown }];
  });
}
