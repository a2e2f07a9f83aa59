import { useEffect, useState } from 'react';
import { firstToOpen } from '../model/agents';
import { agentPath } from '../model/route';
import { recall, STORED } from '../net/browser';
import { navigate } from '../state/route';
import { useOwner } from '../state/session';
import { Icon, Mark } from '../ui/icons';
import { ClaimDialog } from './claim-dialog';

/** Opens the agent that was looked at last; without agents, says how to get one. */
export function Home() {
  const { agents } = useOwner();
  const first = firstToOpen(agents, recall(STORED.lastAgent));
  useEffect(() => {
    if (first !== null) navigate(agentPath(first.handle), { replaces: true });
  }, [first]);
  return first === null ? <Hero /> : null;
}

function Hero() {
  const [isClaiming, setClaiming] = useState(false);
  return (
    <div className="hero">
      <div className="hero-card">
        <Mark size={52} />
        <h1>Claim your first agent</h1>
        <p className="lead">
          You watch an agent once you prove that it is yours: with its API key. We only check the key, we do not keep
          it.
        </p>
        <button type="button" className="button primary" onClick={() => setClaiming(true)}>
          <Icon name="key" /> Claim an agent
        </button>
        <ul className="hero-points">
          <li>
            <Icon name="chats" /> Read its conversations live, as it sees them.
          </li>
          <li>
            <Icon name="pause" /> Pause what it sends, or everything. Nothing is lost.
          </li>
          <li>
            <Icon name="shield" /> Nobody it talks with can tell that you are here.
          </li>
        </ul>
      </div>
      {isClaiming && <ClaimDialog onClose={() => setClaiming(false)} />}
    </div>
  );
}
