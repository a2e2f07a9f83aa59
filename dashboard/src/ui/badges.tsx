import { badgesOf } from '../model/agents';
import type { ClaimedAgent } from '../model/wire';

/** The agent's state in words. */
export function Badges({ agent }: { agent: Pick<ClaimedAgent, 'status' | 'paused_by_owner'> }) {
  return badgesOf(agent).map(({ light, text }) => (
    <span key={text} className={`badge ${light}`}>
      {text}
    </span>
  ));
}
