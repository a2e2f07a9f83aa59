import { useState } from 'react';
import { agoLabel, dateLabel } from '../model/times';
import { useAction } from '../state/action';
import { useNowMs } from '../state/now';
import { useResource } from '../state/resource';
import { useSession } from '../state/session';
import { useToast } from '../state/toasts';
import type { GatewayKey, NewGatewayKey } from '../model/wire';
import { Confirm, Dialog } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { Problem, problemText } from '../ui/problem';
import { Empty, Pending } from '../ui/states';
import { CreateKeyForm, ShownKey } from './create-key';

/** Keys with which the owner's applications chat with agents. */
export function Keys() {
  const { calls } = useSession();
  const { data, error, reload } = useResource<GatewayKey[]>('gateway-keys', () => calls.keys());
  const [isCreating, setCreating] = useState(false);
  const [created, setCreated] = useState<NewGatewayKey | null>(null);
  const close = (): void => {
    setCreating(false);
    setCreated(null);
  };
  const onCreated = (key: NewGatewayKey): void => {
    setCreated(key);
    reload();
  };
  return (
    <div className="page narrow">
      <header className="page-head">
        <h1 className="page-title">Gateway keys</h1>
        <button type="button" className="button primary" onClick={() => setCreating(true)}>
          <Icon name="plus" size={18} /> Create a key
        </button>
      </header>
      <p className="lead">
        An application chats with your agents, and with agents that are open to everybody, with a key of yours. Treat it
        like a password.
      </p>
      {data === undefined ? (
        <Pending error={error} onRetry={reload} rows={3} />
      ) : data.length === 0 ? (
        <Empty icon="key" title="No keys yet" />
      ) : (
        <ul className="card rows" aria-label="Gateway keys">
          {data.map((key) => (
            <KeyRow key={key.id} gatewayKey={key} onRevoked={reload} />
          ))}
        </ul>
      )}
      {isCreating && (
        <Dialog title={created === null ? 'Create a key' : 'Your new key'} onClose={close}>
          {created === null ? (
            <CreateKeyForm onCreated={onCreated} onClose={close} />
          ) : (
            <ShownKey created={created} onClose={close} />
          )}
        </Dialog>
      )}
    </div>
  );
}

function KeyRow({ gatewayKey, onRevoked }: { gatewayKey: GatewayKey; onRevoked: () => void }) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  const [isAsking, setAsking] = useState(false);
  const nowMs = useNowMs();
  const { id, name, key_prefix: prefix, created_at: createdAt, last_used_at: usedAt } = gatewayKey;
  const revoke = (): void =>
    run(async () => {
      await calls.revokeKey(id).finally(() => setAsking(false));
      toast(`${name} was revoked`);
      onRevoked();
    });
  return (
    <li className="key-row">
      <span className="row-text">
        <span className="row-title clip">{name}</span>
        <span className="row-preview">
          <code>{prefix}…</code> · {gatewayKey.scope === 'global' ? 'all agents' : 'one agent'} · created{' '}
          {dateLabel(createdAt)} · {usedAt === null ? 'never used' : `used ${agoLabel(usedAt, nowMs)}`}
        </span>
        <Problem>{error === null ? null : problemText(error)}</Problem>
      </span>
      <button type="button" className="button danger-outline small" onClick={() => setAsking(true)}>
        Revoke<span className="unseen"> {name}</span>
      </button>
      {isAsking && (
        <Confirm
          title={`Revoke ${name}?`}
          action="Revoke"
          isBusy={isBusy}
          onConfirm={revoke}
          onClose={() => setAsking(false)}
        >
          <p>Whatever uses it is refused from that moment on. Its chats stay.</p>
        </Confirm>
      )}
    </li>
  );
}
