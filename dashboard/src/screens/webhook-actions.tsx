import { useState } from 'react';
import { endpointName } from '../model/webhooks';
import { useAction } from '../state/action';
import { useSession } from '../state/session';
import { useToast } from '../state/toasts';
import type { RotatedSecret, Webhook } from '../model/wire';
import { Confirm, Dialog } from '../ui/dialog';
import { Problem, problemText } from '../ui/problem';
import { RecoveryForm, RotationForm, ShownSecret, TestForm } from './webhook-forms';

interface Props {
  handle: string;
  webhook: Webhook;
  onChanged: () => void;
}

/** What an owner repairs of an endpoint. Everything else of it is the agent's. */
export function EndpointActions(props: Props) {
  return (
    <>
      <SendTest {...props} />
      <Recover {...props} />
      <RotateSecret {...props} />
      <SwitchOffOn {...props} />
    </>
  );
}

interface OpenerProps {
  text: string;
  name: string;
  onOpen: () => void;
  isDisabled?: boolean;
}

function Opener({ text, name, onOpen, isDisabled = false }: OpenerProps) {
  return (
    <button type="button" className="button small" disabled={isDisabled} onClick={onOpen}>
      {text}
      <span className="unseen"> {name}</span>
    </button>
  );
}

function SendTest({ handle, webhook }: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Opener text="Send test" name={`to ${endpointName(webhook)}`} onOpen={() => setOpen(true)} />
      {isOpen && (
        <Dialog title="Send a test" onClose={() => setOpen(false)}>
          <TestForm handle={handle} webhook={webhook} onClose={() => setOpen(false)} />
        </Dialog>
      )}
    </>
  );
}

/** Nothing is sent to an endpoint that is disabled, also nothing that it missed. */
function Recover({ handle, webhook, onChanged }: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Opener
        text="Recover since…"
        name={endpointName(webhook)}
        isDisabled={!webhook.active}
        onOpen={() => setOpen(true)}
      />
      {isOpen && (
        <Dialog title="Send what it missed" onClose={() => setOpen(false)}>
          <RecoveryForm handle={handle} webhook={webhook} onAsked={onChanged} onClose={() => setOpen(false)} />
        </Dialog>
      )}
    </>
  );
}

function RotateSecret({ handle, webhook, onChanged }: Props) {
  const [isOpen, setOpen] = useState(false);
  const [shown, setShown] = useState<RotatedSecret | null>(null);
  const close = (): void => {
    setOpen(false);
    setShown(null);
  };
  const show = (rotated: RotatedSecret): void => {
    setShown(rotated);
    onChanged();
  };
  return (
    <>
      <Opener text="Rotate secret" name={`of ${endpointName(webhook)}`} onOpen={() => setOpen(true)} />
      {isOpen && (
        <Dialog
          key={String(shown === null)}
          title={shown === null ? 'Rotate the secret' : 'The new secret'}
          onClose={close}
        >
          {shown === null ? (
            <RotationForm handle={handle} webhook={webhook} onRotated={show} onClose={close} />
          ) : (
            <ShownSecret rotated={shown} onClose={close} />
          )}
        </Dialog>
      )}
    </>
  );
}

function SwitchOffOn({ handle, webhook, onChanged }: Props) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  const [isAsking, setAsking] = useState(false);
  const { id, active } = webhook;
  const name = endpointName(webhook);
  const switchTo = (isActive: boolean): void =>
    run(async () => {
      await calls.switchWebhook(handle, id, isActive);
      setAsking(false);
      toast(`${name} was ${isActive ? 'enabled' : 'disabled'}`);
      onChanged();
    });
  return (
    <>
      <button
        type="button"
        className="button small"
        aria-disabled={isBusy}
        onClick={() => (active ? setAsking(true) : switchTo(true))}
      >
        {active ? 'Disable' : 'Enable'}
        <span className="unseen"> {name}</span>
      </button>
      {!isAsking && <Problem>{error === null ? null : problemText(error)}</Problem>}
      {isAsking && (
        <Confirm
          title={`Disable ${name}?`}
          action="Disable"
          isBusy={isBusy}
          onConfirm={() => switchTo(false)}
          onClose={() => setAsking(false)}
        >
          <p>
            What waits is kept until you or your agent enable it. What happens meanwhile is not sent; Recover since…
            sends it afterwards.
          </p>
          <Problem>{error === null ? null : problemText(error)}</Problem>
        </Confirm>
      )}
    </>
  );
}
