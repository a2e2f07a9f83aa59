import { mergeMessages } from '../model/thread';
import { MESSAGES_PAGE } from '../net/calls';
import type { Message } from '../model/wire';
import { useLive } from './live';
import { useResource, type Resource } from './resource';
import { useSession } from './session';

interface Thread {
  /** Ascending. */
  messages: Message[];
  hasOlder: boolean;
}

/** The messages of a conversation, live, with what reads further back. */
export function useThread(handle: string, conversationId: string): Resource<Thread> & { loadOlder(): Promise<void> } {
  const { calls } = useSession();
  const resource = useResource<Thread>(`thread:${handle}:${conversationId}`, async (known) => {
    const page = await calls.messages(handle, conversationId);
    return joined(known, page);
  });

  useLive((event) => {
    if (event.type === 'resync') return resource.reload();
    if (event.type === 'hello.ok' || event.agent_handle !== handle) return;
    if (event.type === 'message.new' && event.conversation_id === conversationId) {
      // A reading that is under way may have begun before this message.
      if (resource.data === undefined) return resource.reload();
      resource.change((known) => ({ ...known, messages: mergeMessages([event.payload], known.messages) }));
    }
    if (event.type !== 'agent.changed' || !event.scopes.includes('messages')) return;
    if (event.conversation_id === undefined || event.conversation_id === conversationId) resource.reload();
  });

  const loadOlder = async (): Promise<void> => {
    const [oldest] = resource.data?.messages ?? [];
    if (oldest === undefined) return;
    const page = await calls.messages(handle, conversationId, oldest.seq);
    resource.change(({ messages }) => ({
      messages: mergeMessages(messages, page),
      hasOlder: page.length === MESSAGES_PAGE,
    }));
  };
  return { ...resource, loadOlder };
}

/**
 * The newest page over what is there. What the page no longer has within its span was hidden meanwhile and goes; when the
 * two do not meet, more than a page was missed, and what is there would leave a hole.
 */
function joined(known: Thread | undefined, page: Message[]): Thread {
  const isWhole = page.length < MESSAGES_PAGE;
  const oldestRead = page.at(-1)?.seq ?? 0;
  const before = isWhole ? [] : (known?.messages ?? []).filter(({ seq }) => seq < oldestRead);
  const meets = known?.messages.some(({ seq }) => seq >= oldestRead) ?? false;
  if (known === undefined || isWhole || !meets) return { messages: mergeMessages([], page), hasOlder: !isWhole };
  return { messages: mergeMessages(before, page), hasOlder: known.hasOlder };
}
