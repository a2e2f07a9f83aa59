import { useDeferredValue, useState } from 'react';
import { searchRows } from '../model/conversations';
import { previewLine, titleOf } from '../model/names';
import { agentPath } from '../model/route';
import { listTimeLabel, momentLabel } from '../model/times';
import { useConversations, useFurtherPages } from '../state/conversations';
import { useNowMs } from '../state/now';
import { Link } from '../state/route';
import type { ConversationRow } from '../model/wire';
import { RowAvatar } from '../ui/avatar';
import { Icon } from '../ui/icons';
import { LoadMore } from '../ui/load-more';
import { SearchField } from '../ui/search-field';
import { Empty, Pending } from '../ui/states';
import { ThreadPane } from './thread-pane';

type Tab = 'all' | 'groups';

/** Conversations on the left, the open one on the right. */
export function Chats({ handle, conversationId }: { handle: string; conversationId: string | null }) {
  const conversations = useConversations(handle);
  const rows = conversations.data?.rows;
  const row = rows?.find(({ id }) => id === conversationId) ?? null;
  useFurtherPages(conversations, conversationId === null || row !== null);
  return (
    <div className="chats">
      <ConversationList handle={handle} current={conversationId} conversations={conversations} />
      <div className="thread-side">
        {conversationId === null ? (
          <Empty icon="chats" title={rows?.length === 0 ? 'No conversations yet' : 'Choose a conversation'}>
            {rows?.length === 0
              ? `When @${handle} sends or receives its first message, it appears here at once.`
              : 'You read along exactly as your agent sees it. Reading marks nothing as read.'}
          </Empty>
        ) : (
          <ThreadPane key={conversationId} handle={handle} conversationId={conversationId} row={row} />
        )}
      </div>
    </div>
  );
}

interface ListProps {
  handle: string;
  current: string | null;
  conversations: ReturnType<typeof useConversations>;
}

function ConversationList({ handle, current, conversations }: ListProps) {
  const { data, error, reload, loadMore } = conversations;
  const [tab, setTab] = useState<Tab>('all');
  const [search, setSearch] = useState('');
  const sought = useDeferredValue(search);
  const nowMs = useNowMs();
  if (data === undefined) {
    return (
      <div className="list-side">
        <Pending error={error} onRetry={reload} rows={8} />
      </div>
    );
  }
  const groups = data.rows.filter(({ type }) => type === 'group');
  const shown = searchRows(tab === 'groups' ? groups : data.rows, sought);
  return (
    <div className="list-side">
      <div className="list-tools">
        <SearchField label="Search conversations" value={search} onChange={setSearch} />
        <Tabs tab={tab} groups={groups.length} onTab={setTab} />
      </div>
      <div className="list-scroll">
        <ul className="rows" aria-label="Conversations">
          {shown.map((row) => (
            <ConversationLink key={row.id} handle={handle} row={row} isCurrent={row.id === current} nowMs={nowMs} />
          ))}
        </ul>
        {shown.length === 0 && data.rows.length > 0 && (
          <p className="list-note">{sought.trim() === '' ? 'No groups yet.' : `Nothing matches “${sought.trim()}”.`}</p>
        )}
        {shown.length === 0 && data.rows.length === 0 && <p className="list-note">No conversations yet.</p>}
        {data.hasMore && <LoadMore key={data.rows.length} label="Show older conversations" load={loadMore} />}
      </div>
    </div>
  );
}

function Tabs({ tab, groups, onTab }: { tab: Tab; groups: number; onTab: (tab: Tab) => void }) {
  return (
    <div className="segments" role="group" aria-label="Which conversations">
      <button type="button" aria-pressed={tab === 'all'} onClick={() => onTab('all')}>
        All
      </button>
      <button type="button" aria-pressed={tab === 'groups'} onClick={() => onTab('groups')}>
        Groups <span className="count">{groups}</span>
      </button>
    </div>
  );
}

interface RowProps {
  handle: string;
  row: ConversationRow;
  isCurrent: boolean;
  nowMs: number;
}

function ConversationLink({ handle, row, isCurrent, nowMs }: RowProps) {
  const title = titleOf(row);
  return (
    <li>
      <Link href={agentPath(handle, 'chats', row.id)} className="row" aria-current={isCurrent ? 'true' : undefined}>
        <RowAvatar row={row} />
        <span className="row-text">
          <span className="row-top">
            <span className="row-title clip">{title}</span>
            {row.last_message_at !== null && (
              <time dateTime={row.last_message_at} title={momentLabel(row.last_message_at)}>
                {listTimeLabel(row.last_message_at, nowMs)}
              </time>
            )}
          </span>
          <span className="row-bottom">
            <span className="row-preview clip" dir="auto">
              {previewLine(row)}
            </span>
            {row.is_muted && (
              <span className="muted" title="Muted by your agent">
                <Icon name="muted" size={15} />
                <span className="unseen">Muted</span>
              </span>
            )}
          </span>
        </span>
      </Link>
    </li>
  );
}
