import { useState } from 'react';
import { priceText } from '../model/price';
import { useAction } from '../state/action';
import { useReloadOn } from '../state/live';
import { useResource } from '../state/resource';
import { useSession } from '../state/session';
import { useToast } from '../state/toasts';
import type { ClaimedAgent, PaymentSettings } from '../model/wire';
import { Dialog } from '../ui/dialog';
import { Problem, problemText } from '../ui/problem';
import { Pending } from '../ui/states';
import { PriceForm } from './price-form';

/** What strangers pay for a turn with the agent. */
export function PaymentsCard({ agent: { handle } }: { agent: ClaimedAgent }) {
  const { calls } = useSession();
  const { data, error, reload, change } = useResource(`payments:${handle}`, () => calls.payments(handle));
  useReloadOn(handle, [], reload);
  return (
    <section className="card padded" aria-labelledby="payments-title">
      <h2 id="payments-title">Price</h2>
      <p className="lead">
        Strangers pay for each answer of @{handle} with x402. An answer that does not come costs nothing. You, your
        visitors and your applications do not pay.
      </p>
      {data === undefined ? (
        <Pending error={error} onRetry={reload} rows={1} />
      ) : (
        <Settings handle={handle} settings={data} onSaved={(saved) => change(() => saved)} />
      )}
    </section>
  );
}

interface Props {
  handle: string;
  settings: PaymentSettings;
  onSaved: (settings: PaymentSettings) => void;
}

function Settings({ handle, settings, onSaved }: Props) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  const [isEditing, setEditing] = useState(false);
  const { enabled, price, pay_to: payTo } = settings;
  const hasPrice = price !== null && payTo !== null;
  const turn = (isOn: boolean): void =>
    run(async () => {
      onSaved(await calls.setPayments(handle, { ...settings, enabled: isOn }));
      toast(isOn ? 'Payments are on' : 'Payments are off');
    });
  return (
    <>
      {hasPrice ? <Offer handle={handle} {...{ enabled, price, payTo }} /> : <p className="muted">No price yet.</p>}
      <Problem>{error === null ? null : problemText(error)}</Problem>
      <div className="link-actions">
        <button type="button" className="button" onClick={() => setEditing(true)}>
          {hasPrice ? 'Change the price' : 'Set a price'}
        </button>
        {hasPrice && (
          <button
            type="button"
            className={`button ${enabled ? 'danger-outline' : ''}`}
            aria-disabled={isBusy}
            onClick={() => turn(!enabled)}
          >
            {enabled ? 'Switch off' : 'Switch on'}
          </button>
        )}
      </div>
      {isEditing && (
        <Dialog title={hasPrice ? 'Change the price' : 'Set a price'} onClose={() => setEditing(false)}>
          <PriceForm handle={handle} settings={settings} onSaved={onSaved} onClose={() => setEditing(false)} />
        </Dialog>
      )}
    </>
  );
}

interface OfferProps {
  handle: string;
  enabled: boolean;
  price: NonNullable<PaymentSettings['price']>;
  payTo: string;
}

function Offer({ handle, enabled, price, payTo }: OfferProps) {
  return (
    <dl className="facts">
      <dt>State</dt>
      <dd>
        <span className={`badge ${enabled ? 'green' : 'amber'}`}>{enabled ? 'On' : 'Off'}</span>
      </dd>
      <dt>An answer</dt>
      <dd>{priceText(price)}</dd>
      <dt>Paid to</dt>
      <dd>
        <code>{payTo}</code>
      </dd>
      <dt>Address</dt>
      <dd>
        <code>{`${location.origin}/api/paid/${handle}/chat`}</code>
      </dd>
    </dl>
  );
}
