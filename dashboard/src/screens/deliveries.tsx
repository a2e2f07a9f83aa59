import { useId, useState } from 'react';
import {
  deliveryBadge,
  deliveryNote,
  EVENTS,
  isFiltered,
  NO_FILTER,
  STATUSES,
  type DeliveryFilter,
} from '../model/deliveries';
import { agentPath } from '../model/route';
import { listTimeLabel, momentLabel } from '../model/times';
import { endpointName } from '../model/webhooks';
import { useNowMs } from '../state/now';
import { Link } from '../state/route';
import { useDeliveries } from '../state/webhooks';
import type { Delivery, Webhook } from '../model/wire';
import { Field } from '../ui/field';
import { Icon } from '../ui/icons';
import { LoadMore } from '../ui/load-more';
import { Empty, Pending } from '../ui/states';
import { DeliveryDetails } from './delivery-details';
import { EndpointBadge, EndpointFacts } from './endpoint';
import { EndpointActions } from './webhook-actions';

interface Props {
  handle: string;
  webhook: Webhook;
  onChanged: () => void;
}

/** What was sent to an endpoint, and what still waits, newest first. */
export function DeliveriesOf({ handle, webhook, onChanged }: Props) {
  const [filter, setFilter] = useState(NO_FILTER);
  return (
    <div className="page">
      <div className="hook-head">
        <Link className="icon-button" href={agentPath(handle, 'webhooks')} aria-label="All webhooks">
          <Icon name="back" />
        </Link>
        <h2 className="page-title clip">{endpointName(webhook)}</h2>
        <EndpointBadge webhook={webhook} />
      </div>
      <section className="card padded hook" aria-label="Endpoint">
        <EndpointFacts webhook={webhook} />
        <div className="link-actions">
          <EndpointActions handle={handle} webhook={webhook} onChanged={onChanged} />
        </div>
      </section>
      <Filters filter={filter} onChange={setFilter} />
      <DeliveryList handle={handle} webhook={webhook} filter={filter} />
    </div>
  );
}

interface FiltersProps {
  filter: DeliveryFilter;
  onChange: (filter: DeliveryFilter) => void;
}

function Filters({ filter, onChange }: FiltersProps) {
  const set = (change: Partial<DeliveryFilter>): void => onChange({ ...filter, ...change });
  return (
    <>
      <div className="filters-head">
        <h3>Deliveries</h3>
        {isFiltered(filter) && (
          <button type="button" className="button quiet small" onClick={() => onChange(NO_FILTER)}>
            Show all
          </button>
        )}
      </div>
      <div className="filters" role="group" aria-label="Which deliveries">
        <Choice label="State" value={filter.status} options={STATUSES} onChange={(status) => set({ status })} />
        <Choice
          label="Event"
          value={filter.event}
          options={EVENTS.map((value) => ({ value, text: value }))}
          onChange={(event) => set({ event })}
        />
        <Moment label="From" value={filter.since} onChange={(since) => set({ since })} />
        <Moment label="Before" value={filter.until} onChange={(until) => set({ until })} />
      </div>
    </>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly { value: string; text: string }[];
  onChange: (value: string) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <Field label={label}>
      {(props) => (
        <select {...props} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">All</option>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Moment({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  return (
    <Field label={label}>
      {(props) => (
        <input {...props} type="datetime-local" value={value} onChange={(event) => onChange(event.target.value)} />
      )}
    </Field>
  );
}

function DeliveryList({ handle, webhook, filter }: { handle: string; webhook: Webhook; filter: DeliveryFilter }) {
  const { data, error, reload, loadMore } = useDeliveries(handle, webhook.id, filter);
  if (data === undefined) return <Pending error={error} onRetry={reload} rows={5} />;
  if (data.rows.length === 0) {
    return (
      <Empty icon="received" title={isFiltered(filter) ? 'No such deliveries' : 'Nothing was sent yet'}>
        {isFiltered(filter) ? 'Choose others above.' : 'What is sent to the endpoint is kept here for 30 days.'}
      </Empty>
    );
  }
  return (
    <>
      <ol className="card rows deliveries" aria-label="Deliveries">
        {data.rows.map((delivery) => (
          <DeliveryRow key={delivery.id} handle={handle} webhook={webhook} delivery={delivery} onSent={reload} />
        ))}
      </ol>
      {data.nextCursor !== null && <LoadMore key={data.nextCursor} label="Show earlier" load={loadMore} />}
    </>
  );
}

interface RowProps {
  handle: string;
  webhook: Webhook;
  delivery: Delivery;
  onSent: () => void;
}

function DeliveryRow({ handle, webhook, delivery, onSent }: RowProps) {
  const [isOpen, setOpen] = useState(false);
  const detailsId = useId();
  const nowMs = useNowMs();
  const badge = deliveryBadge(delivery);
  const { event, created_at: at } = delivery;
  return (
    <li className="delivery">
      <button
        type="button"
        className="delivery-head"
        aria-expanded={isOpen}
        aria-controls={detailsId}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="row-text">
          <span className="link-title">
            <span className="row-title clip">{event}</span>
            <span className={`badge ${badge.light}`}>{badge.text}</span>
          </span>
          <span className="row-preview">{deliveryNote(delivery, nowMs)}</span>
        </span>
        <time dateTime={at} title={momentLabel(at)}>
          {listTimeLabel(at, nowMs)}
        </time>
      </button>
      <div id={detailsId}>
        {isOpen && (
          <DeliveryDetails
            place={{ handle, webhookId: webhook.id, deliveryId: delivery.id }}
            webhook={webhook}
            onSent={onSent}
          />
        )}
      </div>
    </li>
  );
}
