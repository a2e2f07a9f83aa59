import { AppError } from '../contract/errors';
import type { AddResultView } from '../contract/groups';
import { decideBeforeBudget, type AddOutcome } from '../domain/group-add';
import type { GroupDecision } from '../domain/group-decision';
import type { Agent } from '../store/collections/agents';
import { addChange, readAddState } from '../store/group-joins';
import { findGroup, listInvitations } from '../store/groups';
import { presentInvitation } from '../presenters/invitation';
import type { AgentContext } from './route';
import type { GroupDeps } from './routes/groups';
import { findAccount } from './targets';

/**
 * The add pipeline (groups.md §6.2): checks before the budget, one unit of it, then the rest at the commit, where all
 * of it is proved again.
 * @throws AppError as the pipeline says; RATE_LIMITED when the caller's day is used up
 */
export async function addToGroup(
  ctx: AgentContext,
  deps: GroupDeps,
  groupId: string,
  handle: string,
): Promise<AddResultView> {
  const target = await findAccount(deps.agents, handle);
  const state = await readAddState(deps, await findGroup(deps.database, groupId), ctx.agent, target);
  const early = decideBeforeBudget(state, ctx.agent._id);
  const settled = early === null ? null : settle(early);
  if (target === null) throw new AppError('AGENT_NOT_FOUND');
  if (settled !== null) return present(target, settled);
  await ctx.countCall('group_invite');
  const change = addChange(deps, groupId, { caller: ctx.agent, target, mode: deps.addMode });
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
async function announce(deps: GroupDeps, target: Agent, invitationId: string): Promise<void> {
  const rows = await listInvitations(deps.database, target._id);
  const row = rows.find(({ invitation }) => invitation._id === invitationId);
  if (row === undefined) return;
  const payload = presentInvitation(row, deps.publicBaseUrl);
  deps.live.tell([target._id], { text: JSON.stringify({ type: 'group.invite.received', payload }) });
}
