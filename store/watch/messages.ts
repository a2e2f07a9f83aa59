import { AppError } from '../../contract/errors';
import { WATCH_MESSAGES_PAGE } from '../../contract/limits';
import type { AgentReader } from '../agents';
import type { Agent } from '../collections/agents';
import type { Message } from '../collections/messages';
import type { Database } from '../database';
import { readHistory, type HistoryRow } from '../history';
import { findProfiles, type Profile } from '../profiles';

/** One message as the agent that is watched sees it. */
export interface WatchedMessage {
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
export async function readWatchedMessages(
  database: Database,
  agents: AgentReader,
  agent: Pick<Agent, '_id' | 'inboxSalt'>,
  page: { conversationId: string; beforeSeq?: number },
): Promise<WatchedMessage[]> {
  const rows = await readHistory(database, agents, agent, { ...page, limit: WATCH_MESSAGES_PAGE }).catch(
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
