import { useMemo } from 'react';
import { threadItems } from '../model/thread';
import { useScroll } from '../state/scroll';
import { useThread } from '../state/thread';
import type { ConversationRow } from '../model/wire';
import { LoadMore } from '../ui/load-more';
import { Icon } from '../ui/icons';
import { Empty, Pending } from '../ui/states';
import { ThreadHead } from './thread-head';
import { Cluster, Day, Notice } from './thread-items';

interface ThreadProps {
  handle: string;
  conversationId: string;
  /** Null while the list does not have it, which older conversations may be for a while. */
  row: ConversationRow | null;
}

/** One conversation: who with, and all that was said, oldest at the top. There is nothing to write with. */
export function ThreadPane({ handle, conversationId, row }: ThreadProps) {
  const { data, error, reload, loadOlder } = useThread(handle, conversationId);
  const isGroup = row === null ? conversationId.startsWith('grp_') : row.type === 'group';
  return (
    <div className="thread">
      <ThreadHead handle={handle} row={row} />
      {data === undefined ? (
        <div className="thread-scroll">
          <Pending error={error} onRetry={reload} rows={5} />
        </div>
      ) : (
        <Messages data={data} isGroup={isGroup} loadOlder={loadOlder} />
      )}
    </div>
  );
}

interface MessagesProps {
  data: NonNullable<ReturnType<typeof useThread>['data']>;
  isGroup: boolean;
  loadOlder: () => Promise<void>;
}

function Messages({ data: { messages, hasOlder }, isGroup, loadOlder }: MessagesProps) {
  const items = useMemo(() => threadItems(messages), [messages]);
  const byId = useMemo(() => new Map(messages.map((message) => [message.id, message])), [messages]);
  const { scroll, onScroll, isBehind, toEnd } = useScroll(messages[0]?.seq ?? 0, messages.at(-1)?.seq ?? 0);
  return (
    <div className="thread-frame">
      <div className="thread-scroll" ref={scroll} onScroll={onScroll} tabIndex={0} role="region" aria-label="Messages">
        {hasOlder && <LoadMore key={messages[0]?.seq} label="Show older messages" load={loadOlder} />}
        {messages.length === 0 && <Empty icon="chats" title="No messages to show" />}
        <ol className="messages" role="log" aria-live="polite" aria-relevant="additions">
          {items.map((item) => {
            switch (item.kind) {
              case 'day':
                return <Day key={item.key} at={item.at} />;
              case 'notice':
                return <Notice key={item.key} message={item.message} />;
              case 'cluster':
                return (
                  <Cluster
                    key={item.key}
                    messages={item.messages}
                    isOwn={item.isOwn}
                    isGroup={isGroup}
                    find={(id) => byId.get(id)}
                  />
                );
            }
          })}
        </ol>
      </div>
      {isBehind && (
        <button type="button" className="to-end" onClick={toEnd}>
          <Icon name="down" size={16} /> New messages
        </button>
      )}
    </div>
  );
}
