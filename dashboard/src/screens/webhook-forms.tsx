import { useState } from 'react';
import { EVENTS } from '../model/deliveries';
import {
  OVERLAPS,
  PING,
  recoveredText,
  recoveryDraft,
  recoveryOf,
  recoveryProblems,
  rotatedText,
  ROTATION,
  rotationOf,
  rotationProblems,
  testText,
  type RecoveryDraft,
  type RotationDraft,
} from '../model/webhooks';
import { useAction } from '../state/action';
import { useDraft, type Draft } from '../state/draft';
import { useSession } from '../state/session';
import { useToast } from '../state/toasts';
import type { RotatedSecret, Webhook, WebhookTest } from '../model/wire';
import { Field } from '../ui/field';
import { Problem, problemText } from '../ui/problem';
import { Secret } from '../ui/secret';

interface FormProps {
  handle: string;
  webhook: Webhook;
  onClose: () => void;
}

interface FooterProps {
  isBusy: boolean;
  action: string;
  cancel?: string;
  onClose: () => void;
}

function Footer({ isBusy, action, cancel = 'Cancel', onClose }: FooterProps) {
  return (
    <footer className="dialog-actions">
      <button type="button" className="button" onClick={onClose}>
        {cancel}
      </button>
      <button type="submit" className="button primary" aria-disabled={isBusy}>
        {isBusy ? 'One moment…' : action}
      </button>
    </footer>
  );
}

/** One sample to the endpoint, and how it went. */
export function TestForm({ handle, webhook, onClose }: FormProps) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const [event, setEvent] = useState<string>(PING);
  const [result, setResult] = useState<WebhookTest | null>(null);
  const send = (): void =>
    run(async () => {
      setResult(null);
      setResult(await calls.testWebhook(handle, webhook.id, event));
    });
  // Events of the platform are for endpoints that have them.
  const events = EVENTS.filter((name) => name !== 'agent.created' || webhook.events.includes(name));
  return (
    <form className="form" onSubmit={(submitted) => (submitted.preventDefault(), send())}>
      <p className="lead">One request with made-up content, marked as a test. Nothing is repeated or counted.</p>
      <Field label="Event">
        {(props) => (
          <select {...props} value={event} onChange={(changed) => setEvent(changed.target.value)}>
            {[PING, ...events].map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      <p className="test-result" role="status">
        {result === null ? '' : testText(result)}
      </p>
      <Problem>{error === null ? null : problemText(error)}</Problem>
      <Footer isBusy={isBusy} action="Send" cancel="Close" onClose={onClose} />
    </form>
  );
}

/** From when on the endpoint is sent what it missed. */
export function RecoveryForm({ handle, webhook, onAsked, onClose }: FormProps & { onAsked: () => void }) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  const [initial] = useState(() => recoveryDraft(Date.now()));
  const typed = useDraft<RecoveryDraft>(initial, (draft) => recoveryProblems(draft, Date.now()));
  const recover = (): void =>
    run(async () => {
      const { matched } = await calls.recoverWebhook(handle, webhook.id, recoveryOf(typed.draft));
      toast(recoveredText(matched));
      onAsked();
      onClose();
    });
  return (
    <form ref={typed.form} className="form" onSubmit={typed.submit(recover)}>
      <p className="lead">
        Oldest first and at the endpoint’s pace, at most a month back. What it had is not sent again.
      </p>
      <RecoveryFields {...typed} />
      <Problem>{error === null ? null : problemText(error)}</Problem>
      <Footer isBusy={isBusy} action="Recover" onClose={onClose} />
    </form>
  );
}

function RecoveryFields({ draft, set, problems }: Draft<RecoveryDraft>) {
  return (
    <>
      <Field label="Since" problem={problems.since}>
        {(props) => (
          <input
            {...props}
            type="datetime-local"
            value={draft.since}
            onChange={(event) => set('since', event.target.value)}
          />
        )}
      </Field>
      <Field label="Until" hint="Empty: until now." problem={problems.until}>
        {(props) => (
          <input
            {...props}
            type="datetime-local"
            value={draft.until}
            onChange={(event) => set('until', event.target.value)}
          />
        )}
      </Field>
      <Field label="What">
        {(props) => (
          <select
            {...props}
            value={draft.status}
            onChange={({ target }) => {
              const { value } = target;
              set('status', value === 'dead' || value === 'failed' ? value : '');
            }}
          >
            <option value="">All that it missed</option>
            <option value="dead">What was given up</option>
            <option value="failed">What failed and is repeated: now instead</option>
          </select>
        )}
      </Field>
    </>
  );
}

/** How long the old secret may go on signing. */
export function RotationForm({
  handle,
  webhook,
  onRotated,
  onClose,
}: FormProps & { onRotated: (rotated: RotatedSecret) => void }) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const isOpen = 'isForced' in rotationProblems(ROTATION, webhook, Date.now());
  const typed = useDraft(ROTATION, (draft) => rotationProblems(draft, webhook, Date.now()));
  const { draft, set } = typed;
  const rotate = (): void =>
    run(async () => onRotated(await calls.rotateWebhookSecret(handle, webhook.id, rotationOf(draft))));
  return (
    <form ref={typed.form} className="form" onSubmit={typed.submit(rotate)}>
      <p className="lead">
        Requests are signed with a new secret. Whoever runs the endpoint needs it, or refuses what arrives.
      </p>
      <Field label="The old secret signs, too" hint="As long as the endpoint needs to change over.">
        {(props) => (
          <select {...props} value={draft.overlapS} onChange={(event) => set('overlapS', event.target.value)}>
            {OVERLAPS.map(({ seconds, text }) => (
              <option key={seconds} value={seconds}>
                {text}
              </option>
            ))}
          </select>
        )}
      </Field>
      {isOpen && <ForcedField {...typed} />}
      <Problem>{error === null ? null : problemText(error)}</Problem>
      <Footer isBusy={isBusy} action="Rotate" onClose={onClose} />
    </form>
  );
}

/** Where a third secret would end the first one before its time. */
function ForcedField({ draft, set, problems }: Draft<RotationDraft>) {
  return (
    <div className="field-group">
      <label className="check">
        <input
          type="checkbox"
          aria-invalid={problems.isForced !== undefined}
          checked={draft.isForced}
          onChange={(event) => set('isForced', event.target.checked)}
        />
        <span>End the rotation that is under way</span>
      </label>
      {problems.isForced !== undefined && <p className="field-problem">{problems.isForced}</p>}
    </div>
  );
}

/** The secret, this once. */
export function ShownSecret({ rotated, onClose }: { rotated: RotatedSecret; onClose: () => void }) {
  return (
    <div className="form">
      <p className="lead">{rotatedText(rotated)}</p>
      <Secret label="Secret" value={rotated.secret} />
      <footer className="dialog-actions">
        <button type="button" className="button primary" onClick={onClose}>
          Done
        </button>
      </footer>
    </div>
  );
}
