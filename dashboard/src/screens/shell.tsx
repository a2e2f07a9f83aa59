import { useEffect, useRef, useState, type ReactNode } from 'react';
import { badgesOf, lightOf } from '../model/agents';
import { nameOf } from '../model/names';
import { agentPath, pathOf } from '../model/route';
import { useLive, useLiveState } from '../state/live';
import { Link, navigate, onNavigation, useRoute } from '../state/route';
import { useOwner, useSession } from '../state/session';
import { useToast } from '../state/toasts';
import type { ClaimedAgent } from '../model/wire';
import { useAction } from '../state/action';
import { AgentAvatar } from '../ui/avatar';
import { Dialog } from '../ui/dialog';
import { Icon, Mark } from '../ui/icons';
import { ClaimDialog } from './claim-dialog';

/** Scopes that the list of agents shows. */
const LISTED = ['profile', 'pause'];

/** Sidebar and screen; on a phone the sidebar is a drawer. */
export function Shell({ children }: { children: ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  const [isClaiming, setClaiming] = useState(false);
  useAgentsLive();
  useEffect(() => {
    const stop = onNavigation(() => setOpen(false));
    return () => void stop();
  }, []);
  const claim = (): void => {
    setOpen(false);
    setClaiming(true);
  };
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <aside className="sidebar">
        <Sidebar onClaim={claim} />
      </aside>
      <div className="stage">
        <header className="phone-bar">
          <button type="button" className="icon-button" aria-label="Agents and account" onClick={() => setOpen(true)}>
            <Icon name="menu" />
          </button>
          <span className="brand">
            <Mark size={24} /> AgentChat
          </span>
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
      </div>
      {isOpen && (
        <Dialog title="AgentChat" kind="drawer" onClose={() => setOpen(false)}>
          <Sidebar onClaim={claim} />
        </Dialog>
      )}
      {isClaiming && <ClaimDialog onClose={() => setClaiming(false)} />}
      <Connection />
    </div>
  );
}

function Sidebar({ onClaim }: { onClaim: () => void }) {
  const { agents } = useOwner();
  const route = useRoute();
  return (
    <>
      <Link href="/app" className="brand">
        <Mark /> AgentChat
      </Link>
      <nav className="agents" aria-label="Your agents">
        <h2 className="caption">Agents</h2>
        <ul>
          {agents.map((agent) => (
            <AgentLink
              key={agent.handle}
              agent={agent}
              isCurrent={route.screen === 'agent' && route.handle === agent.handle}
            />
          ))}
        </ul>
        <button type="button" className="side-item" onClick={onClaim}>
          <span className="side-icon">
            <Icon name="plus" />
          </span>
          Claim an agent
        </button>
      </nav>
      <SideFoot />
    </>
  );
}

function SideFoot() {
  const { owner } = useOwner();
  const { calls, leave } = useSession();
  const route = useRoute();
  const { isBusy, run } = useAction();
  // Left only when the cookies are cleared: otherwise the next reload would show everything again.
  const signOut = (): void => run(() => calls.signOut().then(leave));
  return (
    <div className="side-foot">
      <Link
        href={pathOf({ screen: 'keys' })}
        className="side-item"
        aria-current={route.screen === 'keys' ? 'page' : undefined}
      >
        <span className="side-icon">
          <Icon name="key" />
        </span>
        Gateway keys
      </Link>
      <Link
        href={pathOf({ screen: 'account' })}
        className="side-item"
        aria-current={route.screen === 'account' ? 'page' : undefined}
      >
        <span className="side-icon">
          <Icon name="contacts" />
        </span>
        <span className="side-text">
          <span>Account</span>
          <span className="muted clip">{owner.email}</span>
        </span>
      </Link>
      <button type="button" className="side-item" disabled={isBusy} onClick={signOut}>
        <span className="side-icon">
          <Icon name="signOut" />
        </span>
        Sign out
      </button>
    </div>
  );
}

function AgentLink({ agent, isCurrent }: { agent: ClaimedAgent; isCurrent: boolean }) {
  const states = badgesOf(agent).map(({ text }) => text);
  return (
    <li>
      <Link href={agentPath(agent.handle)} className="side-item" aria-current={isCurrent ? 'page' : undefined}>
        <AgentAvatar agent={agent} size="small" light={lightOf(agent)} />
        <span className="side-text">
          <span className="clip">{nameOf(agent)}</span>
          {agent.display_name !== null && <span className="muted clip">@{agent.handle}</span>}
        </span>
        <span className="unseen">{states.join(', ')}</span>
      </Link>
    </li>
  );
}

const REASONS: Readonly<Record<string, string>> = {
  released: 'was released',
  key_rotated: 'is no longer yours: its API key was changed',
  deleted: 'was deleted',
};

/** Keeps the list of agents true: what changed is read again, and who is gone leaves the page, wherever that was said. */
function useAgentsLive(): void {
  const { reloadAgents, setAgents } = useSession();
  const { agents } = useOwner();
  const route = useRoute();
  const toast = useToast();
  const reasons = useRef(new Map<string, string>());
  useLive((event) => {
    // Also at the first opening: what happened since the page was read was told to nobody.
    if (event.type === 'resync') void reloadAgents();
    if (event.type === 'agent.changed' && event.scopes.some((scope) => LISTED.includes(scope))) void reloadAgents();
    if (event.type !== 'agent.removed') return;
    reasons.current.set(event.agent_handle, REASONS[event.reason] ?? '');
    setAgents((before) => before.filter(({ handle }) => handle !== event.agent_handle));
  });

  const before = useRef(agents);
  useEffect(() => {
    const gone = before.current.filter(({ handle }) => agents.every((agent) => agent.handle !== handle));
    before.current = agents;
    for (const { handle } of gone) {
      toast(`@${handle} ${reasons.current.get(handle) || 'is no longer among your agents'}`);
      reasons.current.delete(handle);
      if (route.screen === 'agent' && route.handle === handle) navigate('/app', { replaces: true });
    }
  }, [agents, route, toast]);
}

/** Says that what is shown may be old: from the first attempt that failed until the socket is open. */
function Connection() {
  const state = useLiveState();
  const [isLost, setLost] = useState(false);
  useEffect(() => {
    if (state !== 'connecting') setLost(state === 'waiting');
  }, [state]);
  return (
    <p className="connection" role="status" hidden={!isLost}>
      {isLost ? 'Reconnecting…' : ''}
    </p>
  );
}
