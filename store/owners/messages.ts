import { AppError } from '../../contract/errors';
import { OWNER_VIEW_MESSAGES_PAGE } from '../../contract/limits';
import type { AgentReader } from '../agents/agents';
import type { Agent } from '../schema/collections/agents';
import type { Message } from '../schema/collections/messages';
import type { Database } from '../schema/database';
import { readHistory, type HistoryRow } from '../conversations/history';
import { findProfiles, type Profile } from '../agents/profiles';

/** One message as the agent that is watched sees it. */
export interface OwnerMessage {
  message: Message;
  isOwn: boolean;
  /** Null for own messages, and when the sender's row is gone. */
  sender: Profile | null;
  envelope: HistoryRow['envelope'];
  deliveryId: string | null;
}

/**
 * A page of a conversation exactly as `agent` could read it itself, newest first (dashboard.md §5).
 * @throws AppError CONVERSATION_NOT_FOUND, also for a group that was left or deleted
 */
export async function readOwnerMessages(
  database: Database,
  agents: AgentReader,
  agent: Pick<Agent, '_id' | 'inboxSalt'>,
  page: { conversationId: string; beforeSeq?: number },
): Promise<OwnerMessage[]> {
  const rows = await readHistory(database, agents, agent, { ...page, limit: OWNER_VIEW_MESSAGES_PAGE }).catch(
    (error: unknown) => {
      throw error instanceof AppError && error.code === 'GROUP_DELETED'
        ? new AppError('CONVERSATION_NOT_FOUND')
        : error;
    },
  );
  const others = rows.map(({ message }) => message.senderId).filter((id) => id !== agent._id);
  const profiles =
    others.length === 0 ? new Map<string, Profile>() : await findProfiles(database, [...new Set(others)]);
  return rows.map(({ message, envelope, deliveryId }) => {
    const isOwn = message.senderId === agent._id;
    return { message, isOwn, sender: isOwn ? null : (profiles.get(message.senderId) ?? null), envelope, deliveryId };
  });
}
