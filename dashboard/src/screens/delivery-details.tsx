import { bodyText, canRedeliver, curlOf } from '../model/deliveries';
import { inLabel, momentLabel, timeLabel } from '../model/times';
import { visibleJson } from '../model/message-parts';
import type { DeliveryPlace } from '../net/webhook-calls';
import { useAction } from '../state/action';
import { useNowMs } from '../state/now';
import { useSession } from '../state/session';
import { useToast } from '../state/toasts';
import { useDelivery } from '../state/webhooks';
import type { DeliveryDetail, Webhook } from '../model/wire';
import { CopyButton } from '../ui/copy';
import { Icon } from '../ui/icons';
import { Problem, problemText } from '../ui/problem';
import { Pending } from '../ui/states';
import { Fold, Json } from './message-parts';

interface Props {
  place: DeliveryPlace;
  webhook: Webhook;
  /** It was sent again, as a new delivery. */
  onSent: () => void;
}

/** One delivery: what was sent, and what came of each attempt. Signatures are not kept, so none is shown. */
export function DeliveryDetails({ place, webhook, onSent }: Props) {
  const { data, error, reload } = useDelivery(place);
  if (data === undefined) return <Pending error={error} onRetry={reload} rows={1} />;
  return (
    <div className="delivery-details">
      <Facts delivery={data} />
      <div className="link-actions">
        <Redeliver place={place} webhook={webhook} delivery={data} onSent={() => (reload(), onSent())} />
        <CopyButton label="the request" text="Copy as curl" value={curlOf(data.request, webhook.url)} isSmall />
      </div>
      <h3 className="caption">Request</h3>
      <Json part={{ label: 'body of the request', json: bodyText(data.request.body) }} />
      <HeaderFold label="Headers of the request" headers={data.request.headers} />
      <Attempts delivery={data} />
    </div>
  );
}

function Facts({ delivery }: { delivery: DeliveryDetail }) {
  const { id, event_id: eventId, replay_of: original, next_attempt_at: next, delivered_at: deliveredAt } = delivery;
  const nowMs = useNowMs();
  return (
    <dl className="facts small">
      <dt>Delivery</dt>
      <dd>
        <code>{id}</code>
      </dd>
      <dt>Event</dt>
      <dd>
        <code>{eventId}</code>
      </dd>
      {original !== null && (
        <>
          <dt>Sent again</dt>
          <dd>
            <code>{original}</code>
          </dd>
        </>
      )}
      {next !== null && (
        <>
          <dt>Next attempt</dt>
          <dd>
            {momentLabel(next)} <span className="muted">{inLabel(next, nowMs)}</span>
          </dd>
        </>
      )}
      {deliveredAt !== null && (
        <>
          <dt>Delivered</dt>
          <dd>{momentLabel(deliveredAt)}</dd>
        </>
      )}
    </dl>
  );
}

function Redeliver({ place, webhook, delivery, onSent }: Props & { delivery: DeliveryDetail }) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  const send = (): void =>
    run(async () => {
      await calls.redeliver(place);
      toast(`${delivery.event} is sent again`);
      onSent();
    });
  if (!canRedeliver(delivery, webhook)) return null;
  return (
    <>
      <button type="button" className="button small" aria-disabled={isBusy} onClick={send}>
        <Icon name="again" size={16} /> Redeliver
      </button>
      <Problem>{error === null ? null : problemText(error)}</Problem>
    </>
  );
}

function Attempts({ delivery: { attempts, attempts_log: log } }: { delivery: DeliveryDetail }) {
  if (log.length === 0) {
    return attempts === 0 ? <p className="muted">Not attempted yet.</p> : null;
  }
  return (
    <>
      <h3 className="caption">Attempts</h3>
      <ol className="attempts" aria-label="Attempts">
        {log.map((attempt) => (
          <li key={attempt.attempt}>
            <Attempt attempt={attempt} />
          </li>
        ))}
      </ol>
    </>
  );
}

function Attempt({ attempt: made }: { attempt: DeliveryDetail['attempts_log'][number] }) {
  const { attempt, at, duration_ms: ms, status, error, response_headers: headers, remote_ip: ip } = made;
  const isGood = error === null;
  return (
    <>
      <p className="attempt-line">
        <span className={`badge ${isGood ? 'green' : 'red'}`}>{status ?? 'No answer'}</span>
        <span>
          Attempt {attempt},{' '}
          <time dateTime={at} title={momentLabel(at)}>
            {timeLabel(at)}
          </time>
          , {ms} ms
          {ip !== null && <span className="muted"> from {ip}</span>}
        </span>
      </p>
      {error !== null && <p className="muted">{visibleJson(error)}</p>}
      {made.response_body !== '' && (
        <Fold summary={<span className="data-label">Answer</span>}>
          <Json part={{ label: `answer to attempt ${attempt}`, json: bodyText(made.response_body) }} />
        </Fold>
      )}
      <HeaderFold label="Headers of the answer" headers={headers} />
    </>
  );
}

function HeaderFold({ label, headers }: { label: string; headers: Readonly<Record<string, string>> }) {
  const lines = Object.entries(headers).map(([name, value]) => visibleJson(`${name}: ${value}`));
  if (lines.length === 0) return null;
  return (
    <Fold summary={<span className="data-label">{label}</span>}>
      <Json part={{ label: label.toLowerCase(), json: lines.join('\n') }} />
    </Fold>
  );
}
