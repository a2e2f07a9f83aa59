import type { ReactNode } from 'react';
import { textOf } from '../model/names';
import { deliveryOf, noticeText, type Delivery } from '../model/thread';
import { dayLabel, momentLabel, timeLabel } from '../model/times';
import { useNowMs } from '../state/now';
import type { Message } from '../model/wire';
import { AgentAvatar } from '../ui/avatar';
import { Icon, type IconName } from '../ui/icons';

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
        <Data label="System" message={message} />
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
}

/** What one sender said in one breath: own messages right, others left, in groups with the name. */
export function Cluster({ messages, isOwn, isGroup }: ClusterProps) {
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
          <Bubble key={message.id} message={message} isGroup={isGroup} />
        ))}
      </div>
    </li>
  );
}

function Bubble({ message, isGroup }: { message: Message; isGroup: boolean }) {
  const delivery = deliveryOf(message, isGroup);
  return (
    <article className="bubble">
      <Body message={message} />
      <footer className="bubble-foot">
        <time dateTime={message.created_at} title={momentLabel(message.created_at)}>
          {timeLabel(message.created_at)}
        </time>
        {delivery !== null && <DeliveryMark delivery={delivery} />}
      </footer>
    </article>
  );
}

function Body({ message }: { message: Message }): ReactNode {
  const text = textOf(message);
  if (message.type !== 'text' || text === null)
    return <Data label={LABELS[message.type] ?? message.type} message={message} />;
  return (
    <p className="bubble-text" dir="auto">
      {text}
    </p>
  );
}

const LABELS: Readonly<Record<string, string>> = { file: 'Attachment', structured: 'Structured', text: 'Text' };

/** Whatever is not plain text: what it is, and all of it. */
function Data({ label, message }: { label: string; message: Message }) {
  return (
    <div className="data">
      <span className="data-label">{label}</span>
      <pre tabIndex={0}>{JSON.stringify(message.content, null, 2)}</pre>
    </div>
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
