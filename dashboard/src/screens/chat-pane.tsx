import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { agentPath } from '../model/route';
import { chatTitle, talkItems, userOf } from '../model/talk';
import type { Turn } from '../model/turn';
import { navigate, Link } from '../state/route';
import { useOwner } from '../state/session';
import { useChat, useMarkRead, useTalk, type Chat } from '../state/talk';
import { useTurns, useTurnsWith } from '../state/turns';
import { Icon } from '../ui/icons';
import { Empty, Pending } from '../ui/states';
import { ChatMessages } from './chat-messages';
import { Composer } from './composer';

interface PaneProps {
  handle: string;
  /** What the agent is called. */
  name: string;
  sessionId: string;
  ownership: 'own' | 'others' | 'unknown';
  /** Always the same function. */
  onRead: () => void;
}

/** One chat: what was said, the answer as it comes, and something to write with unless it is somebody else's. */
export function ChatPane({ handle, name, sessionId, ownership, onRead }: PaneProps) {
  const chat = useChat(handle, sessionId);
  const { owner } = useOwner();
  const turns = useTurns();
  const { items, open } = useTalk(handle, chat, sessionId);
  const saidHere = useTurnsWith(handle).some((turn) => turn.sessionId === sessionId && turn.key !== turn.executionId);
  const session = chat.data?.session;
  const isOwn = useOnce(saidHere || ownership === 'own' || (ownership === 'unknown' && mayBeOwn(session, owner.email)));
  const { reload } = chat;
  const marked = useCallback(() => {
    reload();
    onRead();
  }, [reload, onRead]);
  useMarkRead(handle, session, isOwn, marked);
  const say = (message: string, again?: Turn): void => void turns.say({ handle, sessionId }, message, again);
  const title = session === undefined ? 'Chat' : chatTitle({ title: session.title, at: session.started_at });
  return (
    <div className="thread">
      <ChatHead
        handle={handle}
        title={title}
        line={isOwn || session === undefined ? `with ${name}` : userOf(session)}
      />
      {chat.data === undefined && items.length === 0 ? (
        <div className="thread-scroll">
          <Pending error={chat.error} onRetry={reload} rows={5} />
        </div>
      ) : (
        <ChatMessages
          items={items}
          name={name}
          older={chat.data?.hasOlder === true ? chat.loadOlder : null}
          say={isOwn && session?.status !== 'closed' ? say : null}
        />
      )}
      <Foot handle={handle} session={session} isOwn={isOwn}>
        <Composer key={sessionId} draftKey={sessionId} name={name} isLocked={isLocked(open)} onSend={say} />
      </Foot>
    </div>
  );
}

/** True from the first time on: the list of own chats may come later than what is known here. */
function useOnce(isSo: boolean): boolean {
  const wasSo = useRef(false);
  wasSo.current ||= isSo;
  return wasSo.current;
}

/** What is said in between would wait behind what is not answered yet. */
const isLocked = (open: Turn | null): boolean => open !== null && !open.isWaitOver;

const mayBeOwn = (session: Chat['session'] | undefined, email: string): boolean =>
  session?.kind === 'chat' && session.user_email === email;

function Foot({
  handle,
  session,
  isOwn,
  children,
}: {
  handle: string;
  session: Chat['session'] | undefined;
  isOwn: boolean;
  children: ReactNode;
}) {
  if (isOwn && session?.status !== 'closed') return children;
  if (session === undefined) return null;
  return (
    <p className="chat-note">
      {isOwn ? 'This chat is closed.' : 'You read along here: this chat is somebody else’s.'}{' '}
      <Link href={agentPath(handle, 'talk', 'new')}>Start a new chat</Link>
    </p>
  );
}

/** A chat in which nothing was said yet. It becomes one of its own with the first message. */
export function NewChatPane({ handle, name }: { handle: string; name: string }) {
  const turns = useTurns();
  const own = useTurnsWith(handle);
  const [key, setKey] = useState<string | null>(null);
  const turn = own.find((one) => one.key === key) ?? null;
  const sessionId = turn?.sessionId ?? null;
  useEffect(() => {
    if (sessionId !== null) navigate(agentPath(handle, 'talk', sessionId), { replaces: true });
  }, [handle, sessionId]);
  const say = (message: string, again?: Turn): void =>
    setKey(turns.say({ handle, sessionId: null }, message, again).key);
  return (
    <div className="thread">
      <ChatHead handle={handle} title="New chat" line={`with ${name}`} />
      {turn === null ? (
        <div className="thread-frame">
          <Empty icon="talk" title={`Talk to ${name}`}>
            What you say reaches your agent as a message from a user, in a conversation of its own. Its answer appears
            here as it comes.
          </Empty>
        </div>
      ) : (
        <ChatMessages
          items={talkItems({ messages: [], executions: [], turns: [turn] })}
          name={name}
          older={null}
          say={say}
        />
      )}
      <Composer draftKey={`new:${handle}`} name={name} isLocked={turn?.status === 'sending'} onSend={say} />
    </div>
  );
}

function ChatHead({ handle, title, line }: { handle: string; title: string; line: string }) {
  return (
    <header className="thread-head">
      <Link href={agentPath(handle, 'talk')} className="icon-button thread-back" aria-label="Back to chats">
        <Icon name="back" />
      </Link>
      <div className="clip">
        <h2 className="clip" dir="auto">
          {title}
        </h2>
        <p className="presence clip">{line}</p>
      </div>
      <Link href={agentPath(handle, 'talk', 'new')} className="icon-button end thread-back" aria-label="New chat">
        <Icon name="plus" />
      </Link>
    </header>
  );
}
