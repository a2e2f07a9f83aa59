import { visibleJson } from '../model/message-parts';
import { endpointBadge, endpointNotes } from '../model/webhooks';
import { snippetOf, SNIPPETS } from '../model/webhook-snippets';
import { useNowMs } from '../state/now';
import type { Webhook } from '../model/wire';
import { CopyButton } from '../ui/copy';
import { Fold } from './message-parts';

export function EndpointBadge({ webhook }: { webhook: Webhook }) {
  const badge = endpointBadge(webhook);
  return <span className={`badge ${badge.light}`}>{badge.text}</span>;
}

/** Where an endpoint is, what it is told of, and what is wrong. */
export function EndpointFacts({ webhook }: { webhook: Webhook }) {
  const { url, events, filter, rate_limit: rate, secret_hint: hint } = webhook;
  const notes = endpointNotes(webhook, useNowMs());
  return (
    <>
      <dl className="facts small">
        <dt>URL</dt>
        <dd>
          <code>{url}</code>
        </dd>
        <dt>Events</dt>
        <dd>{events.join(', ')}</dd>
        {filter !== null && (
          <>
            <dt>Only</dt>
            <dd>
              <code>{visibleJson(JSON.stringify(filter))}</code>
            </dd>
          </>
        )}
        {rate !== null && (
          <>
            <dt>At most</dt>
            <dd>{rate} requests a second</dd>
          </>
        )}
        {(webhook.ordering !== 'none' || webhook.batching) && (
          <>
            <dt>Sent</dt>
            <dd>
              {webhook.ordering === 'none' ? 'in any order' : 'in the order of each conversation'}
              {webhook.batching && ', messages in batches'}
            </dd>
          </>
        )}
        <dt>Secret</dt>
        <dd>{hint === null ? 'Cannot be read any more: rotate it.' : <code>…{hint}</code>}</dd>
      </dl>
      {notes.length > 0 && (
        <ul className="hook-notes">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </>
  );
}

/** For whoever runs the receiver: the published clients do it. */
export function Verification({ url }: { url: string }) {
  return (
    <Fold summary={<span className="data-label">Verify what arrives</span>}>
      <div className="hook-snippets">
        {SNIPPETS.map(({ language, text }) => (
          <Snippet key={language} text={text} code={snippetOf(language, url)} />
        ))}
      </div>
    </Fold>
  );
}

function Snippet({ text, code }: { text: string; code: string }) {
  return (
    <div className="data">
      <span className="data-label">{text}</span>
      <pre tabIndex={0} dir="ltr">
        {code}
      </pre>
      <CopyButton label={`verification in ${text}`} value={code} isSmall />
    </div>
  );
}
