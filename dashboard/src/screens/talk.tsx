import { useCallback, useState } from 'react';
import { nameOf } from '../model/names';
import { NEW_CHAT, agentPath } from '../model/route';
import { chatTitle, userOf } from '../model/talk';
import { listTimeLabel, momentLabel } from '../model/times';
import { OWN_CHATS_MAX } from '../net/gateway-calls';
import { useNowMs } from '../state/now';
import type { Resource } from '../state/resource';
import { Link } from '../state/route';
import { useOwnChats, useSessions } from '../state/talk';
import type { ClaimedAgent, OwnChat } from '../model/wire';
import { Icon } from '../ui/icons';
import { LoadMore } from '../ui/load-more';
import { Pending } from '../ui/states';
import { ChatPane, NewChatPane } from './chat-pane';

/** The owner's own chats with the agent, what others say to it, and the one that is open. */
export function Talk({ agent, sessionId }: { agent: ClaimedAgent; sessionId: string | null }) {
  const { handle } = agent;
  const own = useOwnChats(handle);
  const reloadOwn = own.reload;
  const onRead = useCallback(() => reloadOwn(), [reloadOwn]);
  return (
    <div className="chats talk">
      <ChatList handle={handle} current={sessionId} own={own} />
      <div className="thread-side">
        {sessionId === null || sessionId === NEW_CHAT ? (
          <NewChatPane handle={handle} name={nameOf(agent)} />
        ) : (
          <ChatPane
            key={sessionId}
            handle={handle}
            name={nameOf(agent)}
            sessionId={sessionId}
            ownership={ownershipOf(own.data, sessionId)}
            onRead={onRead}
          />
        )}
      </div>
    </div>
  );
}

/** Whether a chat is the owner's; `unknown` as long as the list is not read, or did not come to it. */
function ownershipOf(own: OwnChat[] | undefined, sessionId: string): 'own' | 'others' | 'unknown' {
  if (own?.some(({ id }) => id === sessionId)) return 'own';
  return own === undefined || own.length >= OWN_CHATS_MAX ? 'unknown' : 'others';
}

interface ListProps {
  handle: string;
  current: string | null;
  own: Resource<OwnChat[]>;
}

type Tab = 'own' | 'all';

function ChatList({ handle, current, own }: ListProps) {
  const [tab, setTab] = useState<Tab>('own');
  return (
    <div className="list-side">
      <div className="list-tools">
        <Link href={agentPath(handle, 'talk', NEW_CHAT)} className="button primary wide">
          <Icon name="plus" size={18} /> New chat
        </Link>
        <div className="segments" role="group" aria-label="Whose chats">
          <button type="button" aria-pressed={tab === 'own'} onClick={() => setTab('own')}>
            Yours
          </button>
          <button type="button" aria-pressed={tab === 'all'} onClick={() => setTab('all')}>
            Everyone’s
          </button>
        </div>
      </div>
      {tab === 'own' ? (
        <OwnRows handle={handle} current={current} own={own} />
      ) : (
        <AllRows handle={handle} current={current} />
      )}
    </div>
  );
}

function OwnRows({ handle, current, own }: ListProps) {
  const nowMs = useNowMs();
  if (own.data === undefined) return <Pending error={own.error} onRetry={own.reload} rows={6} />;
  return (
    <div className="list-scroll">
      <ul className="rows" aria-label="Your chats">
        {own.data.map((chat) => (
          <ChatRow
            key={chat.id}
            href={agentPath(handle, 'talk', chat.id)}
            isCurrent={chat.id === current}
            title={chatTitle({ title: chat.title, at: chat.created_at })}
            line={chat.status === 'closed' ? 'Closed' : countText(chat.message_count)}
            at={chat.updated_at}
            unread={chat.unread_count}
            nowMs={nowMs}
          />
        ))}
      </ul>
      {own.data.length === 0 && <p className="list-note">No chats yet. What you say first begins one.</p>}
    </div>
  );
}

/** Of all users of the agent: for reading along. */
function AllRows({ handle, current }: Omit<ListProps, 'own'>) {
  const { data, error, reload, loadMore } = useSessions(handle);
  const nowMs = useNowMs();
  if (data === undefined) return <Pending error={error} onRetry={reload} rows={6} />;
  return (
    <div className="list-scroll">
      <ul className="rows" aria-label="Everyone’s chats">
        {data.rows.map((chat) => (
          <ChatRow
            key={chat.id}
            href={agentPath(handle, 'talk', chat.id)}
            isCurrent={chat.id === current}
            title={chatTitle({ title: chat.title, at: chat.started_at })}
            line={`${userOf(chat)}${chat.kind === 'chat' ? '' : ` · ${chat.kind}`}`}
            at={chat.last_message_at ?? chat.started_at}
            unread={0}
            nowMs={nowMs}
          />
        ))}
      </ul>
      {data.rows.length === 0 && <p className="list-note">Nobody has chatted with @{handle} yet.</p>}
      {data.next !== null && <LoadMore key={data.next} label="Show older chats" load={loadMore} />}
    </div>
  );
}

const countText = (count: number): string => (count === 1 ? '1 message' : `${count} messages`);

interface RowProps {
  href: string;
  isCurrent: boolean;
  title: string;
  line: string;
  at: string;
  unread: number;
  nowMs: number;
}

function ChatRow({ href, isCurrent, title, line, at, unread, nowMs }: RowProps) {
  return (
    <li>
      <Link href={href} className="row" aria-current={isCurrent ? 'true' : undefined}>
        <span className="row-text">
          <span className="row-top">
            <span className="row-title clip" dir="auto">
              {title}
            </span>
            <time dateTime={at} title={momentLabel(at)}>
              {listTimeLabel(at, nowMs)}
            </time>
          </span>
          <span className="row-bottom">
            <span className="row-preview clip">{line}</span>
            {unread > 0 && (
              <span className="unread">
                {unread}
                <span className="unseen"> unread</span>
              </span>
            )}
          </span>
        </span>
      </Link>
    </li>
  );
}
