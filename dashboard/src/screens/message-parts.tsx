import { useState, type ReactNode } from 'react';
import { partsOf, quoteOf, type FoldedPart } from '../model/message-parts';
import { deliveryOf } from '../model/thread';
import { momentLabel } from '../model/times';
import type { Message } from '../model/wire';
import { CopyButton } from '../ui/copy';
import { Icon } from '../ui/icons';

interface Props {
  message: Message;
  /** A message of the thread as far as it is read, by its id. */
  find: (id: string) => Message | undefined;
}

/** All that a message carries: its text, what it answers, and the rest folded. Nothing of it is taken for markup. */
export function MessageBody({ message, find }: Props) {
  const { text, folded, attachmentId, replyTo } = partsOf(message);
  return (
    <>
      {replyTo !== null && <Reply id={replyTo} target={find(replyTo)} />}
      {text !== null && (
        <p className="bubble-text" dir="auto">
          {text}
        </p>
      )}
      {attachmentId !== null && (
        <p className="part">
          <span className="data-label">Attachment</span> <code>{attachmentId}</code>
        </p>
      )}
      {folded.map((part) => (
        <Fold key={part.label} summary={<span className="data-label">{part.label}</span>}>
          <Json part={part} />
        </Fold>
      ))}
    </>
  );
}

function Reply({ id, target }: { id: string; target: Message | undefined }) {
  return (
    <p className="part reply">
      <Icon name="back" size={14} />
      <span className="clip" dir="auto">
        <span className="unseen">Answers </span>
        {target === undefined ? id : quoteOf(target)}
      </span>
    </p>
  );
}

/** What is seen when it is opened, and drawn only then: a thread has many. */
export function Fold({ summary, children }: { summary: ReactNode; children: ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className="fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {isOpen && children}
    </details>
  );
}

/** JSON as it came, with a button that copies it. */
export function Json({ part: { label, json } }: { part: FoldedPart }) {
  return (
    <div className="data">
      <pre tabIndex={0} dir="ltr">
        {json}
      </pre>
      <CopyButton label={label} value={json} isSmall />
    </div>
  );
}

/** What is known of a message beside what it says. */
export function Details({ message, isGroup }: { message: Message; isGroup: boolean }) {
  const { id, seq, type, created_at: sentAt, delivered_at: deliveredAt, read_at: readAt } = message;
  return (
    <dl className="facts small">
      <dt>Id</dt>
      <dd>
        <code>{id}</code>
      </dd>
      <dt>Number</dt>
      <dd>{seq}</dd>
      <dt>Type</dt>
      <dd>{type}</dd>
      <dt>State</dt>
      <dd>{deliveryOf(message, isGroup)?.text ?? 'Delivered to your agent'}</dd>
      <Moment label="Sent" at={sentAt} />
      {deliveredAt !== null && <Moment label="Delivered" at={deliveredAt} />}
      {readAt !== null && <Moment label="Read" at={readAt} />}
    </dl>
  );
}

/** In the reader's zone, and in UTC. */
function Moment({ label, at }: { label: string; at: string }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>
        {momentLabel(at)} <span className="muted">{at}</span>
      </dd>
    </>
  );
}
