import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { threadItems } from '../model/thread';
import { useThread } from '../state/thread';
import type { ConversationRow } from '../model/wire';
import { LoadMore } from '../ui/load-more';
import { Icon } from '../ui/icons';
import { Empty, Pending } from '../ui/states';
import { ThreadHead } from './thread-head';
import { Cluster, Day, Notice } from './thread-items';

/** So near to the end a reader follows the conversation. */
const NEAR_END_PX = 80;

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
                return <Cluster key={item.key} messages={item.messages} isOwn={item.isOwn} isGroup={isGroup} />;
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

/** Starts at the end, follows while the reader is there, and stays where they are while older messages come in above. */
function useScroll(first: number, last: number) {
  const scroll = useRef<HTMLDivElement>(null);
  const before = useRef({ first: 0, last: 0, height: 0, isNearEnd: true });
  const [isBehind, setBehind] = useState(false);

  const toEnd = (): void => {
    if (scroll.current !== null) scroll.current.scrollTop = scroll.current.scrollHeight;
    setBehind(false);
  };
  const onScroll = (): void => {
    const element = scroll.current;
    if (element === null) return;
    before.current.isNearEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
    if (before.current.isNearEnd) setBehind(false);
  };

  useLayoutEffect(() => {
    const element = scroll.current;
    if (element === null) return;
    const known = before.current;
    if (known.isNearEnd) toEnd();
    else if (known.first > first) element.scrollTop += element.scrollHeight - known.height;
    else if (known.last < last) setBehind(true);
    before.current = { first, last, height: element.scrollHeight, isNearEnd: known.isNearEnd };
  }, [first, last]);
  useEffect(() => {
    if (scroll.current === null) return;
    const observer = new ResizeObserver(() => {
      if (before.current.isNearEnd) toEnd();
    });
    observer.observe(scroll.current);
    return () => observer.disconnect();
  }, []);
  return { scroll, onScroll, isBehind, toEnd };
}
