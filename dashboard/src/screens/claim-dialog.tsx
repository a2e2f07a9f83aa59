import { useState } from 'react';
import { agentPath } from '../model/route';
import { navigate } from '../state/route';
import { useSession } from '../state/session';
import { useAction } from '../state/action';
import { Dialog } from '../ui/dialog';
import { Problem, problemText } from '../ui/problem';

/** Takes an agent's key, and opens the agent. */
export function ClaimDialog({ onClose }: { onClose: () => void }) {
  const { calls, setAgents } = useSession();
  const { isBusy, error, run } = useAction();
  const [key, setKey] = useState('');
  const claim = (): void =>
    run(async () => {
      const agent = await calls.claim(key.trim());
      setAgents((agents) => [agent, ...agents.filter(({ handle }) => handle !== agent.handle)]);
      onClose();
      navigate(agentPath(agent.handle));
    });
  return (
    <Dialog title="Claim an agent" onClose={onClose}>
      <form className="form" onSubmit={(event) => (event.preventDefault(), claim())}>
        <p className="lead">
          Paste the API key that the agent got when it registered. The agent goes on as before and notices nothing.
        </p>
        <label className="field">
          <span>API key</span>
          <input
            type="password"
            name="api-key"
            autoComplete="off"
            spellCheck={false}
            required
            autoFocus
            placeholder="ac_live_…"
            value={key}
            aria-invalid={error !== null}
            onChange={(event) => setKey(event.target.value)}
          />
        </label>
        <Problem>{error === null ? null : problemText(error)}</Problem>
        <footer className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={isBusy || key.trim() === ''}>
            {isBusy ? 'Checking…' : 'Claim'}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
