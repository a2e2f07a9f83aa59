import { useEffect, useMemo } from 'react';
import { talkItems, type TalkItem } from '../model/talk';
import { hasEnded, type Turn } from '../model/turn';
import type { ChatMessage, ChatSession, Execution, OwnChat } from '../model/wire';
import { useCoalesced } from './coalesced';
import { useLive } from './live';
import { useResource, type Resource } from './resource';
import { useSession } from './session';
import { useTurns, useTurnsWith } from './turns';

const RELOAD_MS = 1_000;

/** Calls `reload` soon after something was said to the agent or by it. @returns what has it called soon */
function useReloadOnMessage(handle: string, reload: () => void): () => void {
  const soon = useCoalesced(reload, RELOAD_MS);
  useLive((event) => {
    if (event.type === 'resync') reload();
    if (event.type === 'message.new' && event.agent_handle === handle) soon();
  });
  return soon;
}

/** The owner's own chats with an agent, the last active first. */
export function useOwnChats(handle: string): Resource<OwnChat[]> {
  const { calls } = useSession();
  const resource = useResource<OwnChat[]>(`own-chats:${handle}`, () => calls.ownChats(handle));
  const soon = useReloadOnMessage(handle, resource.reload);
  // Also without the socket: what is said here begins chats and changes them.
  const said = useTurnsWith(handle)
    .map((turn) => `${turn.sessionId ?? ''} ${hasEnded(turn)}`)
    .join();
  useEffect(() => {
    if (said !== '') soon();
  }, [said, soon]);
  return resource;
}

interface Sessions {
  rows: ChatSession[];
  next: string | null;
}

/** What everybody says to the agent through the gateway, in pages. */
export function useSessions(handle: string): Resource<Sessions> & { loadMore(): Promise<void> } {
  const { calls } = useSession();
  const read = async (cursor?: string): Promise<Sessions> => {
    const { sessions, next_cursor: next } = await calls.sessions(handle, cursor);
    return { rows: sessions, next };
  };
  const resource = useResource<Sessions>(`sessions:${handle}`, async (known) => {
    const first = await read();
    // What was read further down stays.
    const isLonger = known !== undefined && known.rows.length > first.rows.length && first.next !== null;
    return isLonger ? joined(first.rows, known.rows, known.next) : first;
  });
  useReloadOnMessage(handle, resource.reload);
  const loadMore = async (): Promise<void> => {
    const page = await read(resource.data?.next ?? undefined);
    resource.change(({ rows }) => joined(rows, page.rows, page.next));
  };
  return { ...resource, loadMore };
}

/** The rows behind others, each once: what was active between two reads stands further up. */
function joined(rows: ChatSession[], further: ChatSession[], next: string | null): Sessions {
  const known = new Set(rows.map(({ id }) => id));
  return { rows: [...rows, ...further.filter(({ id }) => !known.has(id))], next };
}

export interface Chat {
  session: ChatSession;
  /** Oldest first. */
  messages: ChatMessage[];
  hasOlder: boolean;
  /** Newest first. */
  executions: Execution[];
}

/** One session as it is stored, live, with what reads further back. */
export function useChat(handle: string, sessionId: string): Resource<Chat> & { loadOlder(): Promise<void> } {
  const { calls } = useSession();
  const resource = useResource<Chat>(`chat:${handle}:${sessionId}`, async (known) => {
    const { session, messages, has_more: hasMore } = await calls.chat(handle, sessionId);
    // In this order: no turn is taken for an open one whose answer is among the messages.
    const executions = await calls.turnsOf(handle, sessionId);
    const older = known === undefined || !hasMore ? [] : olderThan(known.messages, messages);
    return {
      session,
      executions,
      messages: [...older, ...messages],
      hasOlder: older.length > 0 ? known?.hasOlder === true : hasMore,
    };
  });
  useReloadOnMessage(handle, resource.reload);
  const loadOlder = async (): Promise<void> => {
    const [oldest] = resource.data?.messages ?? [];
    if (oldest === undefined) return;
    const page = await calls.chat(handle, sessionId, oldest.id);
    resource.change((known) => ({
      ...known,
      messages: [...page.messages, ...known.messages],
      hasOlder: page.has_more,
    }));
  };
  return { ...resource, loadOlder };
}

/** What is known from before a page; nothing when the two do not meet, for that would leave a hole. */
function olderThan(known: ChatMessage[], page: ChatMessage[]): ChatMessage[] {
  const at = known.findIndex(({ id }) => id === page[0]?.id);
  return at === -1 ? [] : known.slice(0, at);
}

/** What an open chat shows, and the turn that is awaited. */
export function useTalk(
  handle: string,
  chat: Resource<Chat>,
  sessionId: string,
): { items: TalkItem[]; open: Turn | null } {
  const turns = useTurns();
  const own = useTurnsWith(handle);
  const { data, reload } = chat;
  const mine = useMemo(() => own.filter((turn) => turn.sessionId === sessionId), [own, sessionId]);

  // What runs without being followed: said in another tab, or before this page was loaded.
  const executions = data?.executions;
  useEffect(() => {
    const running = (executions ?? []).filter(({ status }) => status === 'queued' || status === 'running');
    for (const execution of running) turns.watch(handle, execution);
  }, [executions, handle, turns]);

  // An ended turn is stored: read it, and then what is stored is shown instead.
  const ended = mine.filter(hasEnded).length;
  useEffect(() => {
    if (ended > 0) reload();
  }, [ended, reload]);
  const messages = data?.messages;
  useEffect(() => {
    const stored = new Set((messages ?? []).flatMap((row) => (row.role === 'user' ? [] : [row.execution_id])));
    for (const { key, status, executionId } of mine) {
      if (status === 'completed' && stored.has(executionId)) turns.forget(key);
    }
  }, [messages, mine, turns]);

  const items = useMemo(
    () => talkItems({ messages: messages ?? [], executions: executions ?? [], turns: mine }),
    [messages, executions, mine],
  );
  return { items, open: mine.find((turn) => !hasEnded(turn)) ?? null };
}

/** Marks what an open chat shows as read while somebody can see it. @param onRead always the same function */
export function useMarkRead(handle: string, chat: ChatSession | undefined, isOwn: boolean, onRead: () => void): void {
  const { calls } = useSession();
  const unread = isOwn ? (chat?.unread_count ?? 0) : 0;
  const id = chat?.id;
  useEffect(() => {
    if (unread === 0 || id === undefined) return;
    const mark = (): void => {
      if (document.visibilityState !== 'visible') return;
      removeEventListener('focus', mark);
      // Where it fails it stays unread, and is marked the next time.
      calls.markRead(handle, id).then(onRead, () => undefined);
    };
    addEventListener('focus', mark);
    mark();
    return () => removeEventListener('focus', mark);
  }, [unread, id, handle, calls, onRead]);
}
