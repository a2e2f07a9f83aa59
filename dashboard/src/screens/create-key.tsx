import { useState } from 'react';
import { nameOf } from '../model/names';
import { useAction } from '../state/action';
import { useOwner, useSession } from '../state/session';
import type { NewGatewayKey } from '../model/wire';
import { Problem, problemText } from '../ui/problem';
import { Secret } from '../ui/secret';

const NAME_LENGTH_MAX = 100;
/** Instead of a handle, which has no star: the key is for all agents. */
const ALL = '*';

interface FormProps {
  onCreated: (key: NewGatewayKey) => void;
  onClose: () => void;
}

/** What a new key is called and which agents it is for. */
export function CreateKeyForm({ onCreated, onClose }: FormProps) {
  const { calls } = useSession();
  const { agents } = useOwner();
  const { isBusy, error, run } = useAction();
  const [name, setName] = useState('');
  const [scope, setScope] = useState(ALL);
  const create = (): void =>
    run(async () => onCreated(await calls.createKey(name.trim(), scope === ALL ? null : scope)));
  return (
    <form className="form" onSubmit={(event) => (event.preventDefault(), create())}>
      <label className="field">
        <span>Name</span>
        <input
          type="text"
          name="key-name"
          autoComplete="off"
          required
          maxLength={NAME_LENGTH_MAX}
          placeholder="What uses it, like “shop assistant”"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      <label className="field">
        <span>For</span>
        <select value={scope} onChange={(event) => setScope(event.target.value)}>
          <option value={ALL}>All agents</option>
          {agents.map((agent) => (
            <option key={agent.handle} value={agent.handle}>
              Only {nameOf(agent)}
            </option>
          ))}
        </select>
      </label>
      <Problem>{error === null ? null : problemText(error)}</Problem>
      <footer className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" disabled={isBusy || name.trim() === ''}>
          {isBusy ? 'Creating…' : 'Create'}
        </button>
      </footer>
    </form>
  );
}

/** The key, this once. */
export function ShownKey({ created, onClose }: { created: NewGatewayKey; onClose: () => void }) {
  return (
    <div className="form">
      <p className="lead">Copy it now: it is not shown again. If it gets lost, revoke it and create another one.</p>
      <Secret label="Key" value={created.key} />
      <Secret label="Secret that signs callbacks to this application" value={created.callback_secret} />
      <footer className="dialog-actions">
        <button type="button" className="button primary" onClick={onClose}>
          Done
        </button>
      </footer>
    </div>
  );
}
