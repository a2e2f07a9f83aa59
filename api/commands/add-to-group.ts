import { AppError } from '../../contract/errors';
import type { AddResultView } from '../../contract/groups';
import { decideBeforeBudget, type AddOutcome } from '../../domain/group-add';
import type { GroupDecision } from '../../domain/group-decision';
import type { Agent } from '../../store/schema/collections/agents';
import { addChange, readAddState } from '../../store/groups/group-joins';
import { findGroup, listInvitations } from '../../store/groups/groups';
import { presentInvitation } from '../../presenters/invitation';
import { findMember } from '../http/targets';
import type { AddMode } from '../../domain/group-add';
import type { AgentReader } from '../../store/agents/agents';
import type { Database } from '../../store/schema/database';
import type { Committer } from '../../store/sending/committer';
import type { Live } from '../realtime/broadcast/live';

export interface AddToGroupDeps {
  database: Database;
  agents: AgentReader;
  committer: Committer;
  live: Pick<Live, 'broadcast'>;
  publicBaseUrl: string;
  addMode: AddMode;
}

/** Who adds somebody. */
export interface Inviter {
  agent: Agent;
  /** Takes one unit of its day's budget. @throws AppError RATE_LIMITED */
  countInvitation: () => Promise<void>;
}

/**
 * The add pipeline (groups.md §6.2): checks before the budget, one unit of it, then the rest at the commit, where all
 * of it is proved again.
 * @throws AppError as the pipeline says; RATE_LIMITED when the caller's day is used up
 */
export async function addToGroup(
  deps: AddToGroupDeps,
  inviter: Inviter,
  groupId: string,
  handle: string,
): Promise<AddResultView> {
  const target = await findMember(deps.agents, handle);
  const state = await readAddState(deps, await findGroup(deps.database, groupId), inviter.agent, target);
  const early = decideBeforeBudget(state, inviter.agent._id);
  const settled = early === null ? null : settle(early);
  if (target === null) throw new AppError('AGENT_NOT_FOUND');
  if (settled !== null) return present(target, settled);
  await inviter.countInvitation();
  const change = addChange(deps, groupId, { caller: inviter.agent, target, mode: deps.addMode });
  const outcome = await deps.committer.change(change);
  if (outcome.outcome === 'invited' && outcome.isNew) await announce(deps, target, outcome.invitationId);
  return present(target, outcome);
}

function settle(decision: GroupDecision<AddOutcome>): AddOutcome {
  if (decision.kind !== 'refused') return decision.value;
  throw new AppError(decision.code, decision.details, undefined, decision.message);
}

function present({ handle }: Agent, outcome: AddOutcome): AddResultView {
  if (outcome.outcome !== 'invited') return { handle, outcome: outcome.outcome };
  return { handle, outcome: 'invited', invite_id: outcome.invitationId };
}

/** `group.invite.received`: a full pause drops it, mutes do not (groups.md §11). Never stored: REST lists the invite. */
async function announce(deps: AddToGroupDeps, target: Agent, invitationId: string): Promise<void> {
  const rows = await listInvitations(deps.database, target._id);
  const row = rows.find(({ invitation }) => invitation._id === invitationId);
  if (row === undefined) return;
  const payload = presentInvitation(row, deps.publicBaseUrl);
  deps.live.broadcast([target._id], { text: JSON.stringify({ type: 'group.invite.received', payload }) });
}
