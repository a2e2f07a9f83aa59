import { jsonOf } from '../model/message-parts';
import { deliveryOf, noticeText, type Delivery } from '../model/thread';
import { dayLabel, momentLabel, timeLabel } from '../model/times';
import { useNowMs } from '../state/now';
import type { Message } from '../model/wire';
import { AgentAvatar } from '../ui/avatar';
import { Icon, type IconName } from '../ui/icons';
import { Details, Fold, Json, MessageBody } from './message-parts';

export function Day({ at }: { at: string }) {
  const nowMs = useNowMs();
  return (
    <li className="day">
      <span>{dayLabel(at, nowMs)}</span>
    </li>
  );
}

/** What happened to the group. */
export function Notice({ message }: { message: Message }) {
  const text = noticeText(message);
  if (text === null) {
    return (
      <li className="notice">
        <Json part={{ label: 'System', json: jsonOf(message.content) }} />
      </li>
    );
  }
  return (
    <li className="notice">
      <span title={momentLabel(message.created_at)}>{text}</span>
    </li>
  );
}

interface ClusterProps {
  messages: [Message, ...Message[]];
  isOwn: boolean;
  isGroup: boolean;
  /** A message of the thread as far as it is read, by its id. */
  find: (id: string) => Message | undefined;
}

/** What one sender said in one breath: own messages right, others left, in groups with the name. */
export function Cluster({ messages, isOwn, isGroup, find }: ClusterProps) {
  const [first] = messages;
  const sender = first.sender_handle;
  const isNamed = isGroup && !isOwn;
  return (
    <li className={`cluster ${isOwn ? 'own' : 'other'} ${isNamed ? 'named' : ''}`}>
      {isNamed && <AgentAvatar agent={{ handle: sender ?? '?', avatar_url: first.sender_avatar_url }} size="small" />}
      <div className="bubbles">
        {isNamed && (
          <p className="sender">
            {sender === null ? (
              'Deleted agent'
            ) : (
              <>
                {first.sender_display_name ?? `@${sender}`}
                {first.sender_display_name !== null && <span className="muted"> @{sender}</span>}
              </>
            )}
          </p>
        )}
        {messages.map((message) => (
          <Bubble key={message.id} message={message} isGroup={isGroup} find={find} />
        ))}
      </div>
    </li>
  );
}

function Bubble({ message, isGroup, find }: Omit<ClusterProps, 'messages' | 'isOwn'> & { message: Message }) {
  const delivery = deliveryOf(message, isGroup);
  return (
    <article className="bubble">
      <MessageBody message={message} find={find} />
      <Fold
        summary={
          <span className="bubble-foot">
            <span className="unseen">Details: </span>
            <time dateTime={message.created_at} title={momentLabel(message.created_at)}>
              {timeLabel(message.created_at)}
            </time>
            {delivery !== null && <DeliveryMark delivery={delivery} />}
          </span>
        }
      >
        <Details message={message} isGroup={isGroup} />
      </Fold>
    </article>
  );
}

const MARKS: Readonly<Record<Delivery['mark'], IconName>> = {
  waiting: 'clock',
  stored: 'check',
  delivered: 'checks',
  read: 'checks',
};

function DeliveryMark({ delivery: { mark, text } }: { delivery: Delivery }) {
  return (
    <span className={`mark-${mark}`} title={text}>
      <Icon name={MARKS[mark]} size={15} />
      <span className="unseen">{text}</span>
    </span>
  );
}
