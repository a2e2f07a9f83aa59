import type { ErrorCode } from '../contract/codes';
import type { AccountStatus, InboxMode, PauseMode } from './guards';

/** What decides whether somebody may chat with an agent through the gateway. */
export interface ChatAccess {
  status: AccountStatus;
  isGuest: boolean;
  /** System agents are chattable like open ones. */
  isSystem: boolean;
  pausedByOwner: PauseMode;
  inboxMode: InboxMode;
  /** The caller has claimed the agent. */
  isOwned: boolean;
  /** Nobody waits for the answer: a pause holds it up, and that is all. Absent: somebody does. */
  mayWait?: boolean;
}

/**
 * Why a caller may not chat with an agent, or null: gateway.md §1.2 in its order. The limits of first contacts are the
 * caller's and are counted elsewhere.
 */
export function refuseChat(agent: ChatAccess | null): { code: ErrorCode; details?: { reason: string } } | null {
  if (agent === null || agent.isGuest || agent.status === 'deleted') return { code: 'AGENT_NOT_FOUND' };
  if (agent.status === 'suspended') return { code: 'AGENT_SUSPENDED' };
  if (agent.pausedByOwner !== 'none' && agent.mayWait !== true)
    return { code: 'AGENT_UNAVAILABLE', details: { reason: 'paused' } };
  return agent.isOwned || agent.isSystem || agent.inboxMode === 'open' ? null : { code: 'INBOX_RESTRICTED' };
}
