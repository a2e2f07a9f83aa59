import { useId } from 'react';
import { agentPath } from '../model/route';
import { endpointName } from '../model/webhooks';
import { Link } from '../state/route';
import { useWebhooks } from '../state/webhooks';
import type { ClaimedAgent, Webhook } from '../model/wire';
import { Icon } from '../ui/icons';
import { Empty, Pending } from '../ui/states';
import { DeliveriesOf } from './deliveries';
import { EndpointBadge, EndpointFacts, Verification } from './endpoint';
import { EndpointActions } from './webhook-actions';

interface Props {
  agent: ClaimedAgent;
  /** Whose deliveries are looked at; null: the list of endpoints. */
  webhookId: string | null;
}

/** The endpoints that the agent has registered, and what was sent to one of them (docs/contract/webhooks.md §12). */
export function Webhooks({ agent: { handle }, webhookId }: Props) {
  const { data, error, reload } = useWebhooks(handle);
  if (data === undefined) return <Pending error={error} onRetry={reload} rows={3} />;
  if (webhookId === null) return <Endpoints handle={handle} webhooks={data} onChanged={reload} />;
  const webhook = data.find(({ id }) => id === webhookId);
  if (webhook === undefined) {
    return (
      <Empty icon="hook" title="This webhook is gone">
        Your agent has removed it. <Link href={agentPath(handle, 'webhooks')}>Go to its webhooks</Link>
      </Empty>
    );
  }
  return <DeliveriesOf key={webhook.id} handle={handle} webhook={webhook} onChanged={reload} />;
}

interface EndpointsProps {
  handle: string;
  webhooks: Webhook[];
  onChanged: () => void;
}

function Endpoints({ handle, webhooks, onChanged }: EndpointsProps) {
  if (webhooks.length === 0) {
    return (
      <Empty icon="hook" title="No webhooks yet">
        When @{handle} registers an endpoint by its API, you see here how it does, and can repair it.
      </Empty>
    );
  }
  return (
    <div className="page">
      <h2 className="page-title">Webhooks</h2>
      {webhooks.map((webhook) => (
        <EndpointCard key={webhook.id} handle={handle} webhook={webhook} onChanged={onChanged} />
      ))}
    </div>
  );
}

interface EndpointProps {
  handle: string;
  webhook: Webhook;
  onChanged: () => void;
}

function EndpointCard({ handle, webhook, onChanged }: EndpointProps) {
  const titleId = useId();
  const name = endpointName(webhook);
  return (
    <section className="card padded hook" aria-labelledby={titleId}>
      <header className="card-head">
        <h3 id={titleId} className="clip">
          {name}
        </h3>
        <EndpointBadge webhook={webhook} />
      </header>
      <EndpointFacts webhook={webhook} />
      <div className="link-actions">
        <Link className="button small" href={agentPath(handle, 'webhooks', webhook.id)}>
          <Icon name="received" size={16} /> Deliveries<span className="unseen"> of {name}</span>
        </Link>
        <EndpointActions handle={handle} webhook={webhook} onChanged={onChanged} />
      </div>
      <Verification url={webhook.url} />
    </section>
  );
}
