import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import type { AccountStatus, StatusSource } from '../../domain/guards';
import { recordAudit, type AuditActor } from '../schema/audit';
import { withTransactionOn, type Database } from '../schema/database';
import { requestEvaluation, type EvaluationRequest } from '../outbox/enforcement-requests';
import { enforcementKey, look, writeState, writeTransition } from './evaluate-enforcement';

/** What an operator can do about an account (social.md §6 G9, G11). */
export type OperatorAction =
  | { kind: 'suspend' }
  | { kind: 'restrict' }
  /** Active again; rows from before do not count any more. */
  | { kind: 'reinstate' }
  /** Whether the community's own decisions may lift the present state. */
  | { kind: 'hold'; isSticky: boolean };

export interface OperatorOrder {
  agentId: string;
  action: OperatorAction;
  /** Who does it, for the record and the audit log. */
  operator: AuditActor;
  note: string | null;
  now: Date;
}

type Seen = NonNullable<Awaited<ReturnType<typeof look>>>;

interface Target {
  to: AccountStatus;
  source: StatusSource;
  isSticky: boolean;
  baseline: Date | null;
}

/**
 * Carries out an operator's action and audits it, in one transaction that writes the same document as evaluations: an
 * evaluation that is under way starts over and finds the operator's state. A repeat changes nothing but the audit log
 * (and, of a reinstatement, the baseline); a crash leaves all of it or nothing.
 * @returns the request that tells the flow
 * @throws AppError AGENT_NOT_FOUND, SYSTEM_AGENT_PROTECTED, VALIDATION_ERROR for a transition that does not exist
 */
export function operateEnforcement(database: Database, order: OperatorOrder): Promise<EvaluationRequest> {
  const { agentId, now } = order;
  return withTransactionOn(database, enforcementKey(agentId), async (session) => {
    const seen = await look(database, { agentId, now }, session);
    if (seen === null || seen.agent.status === 'deleted') throw new AppError('AGENT_NOT_FOUND');
    if (seen.agent.isSystem) throw new AppError('SYSTEM_AGENT_PROTECTED');
    await write(database, seen, { target: targetOf(seen, order), order }, session);
    return requestEvaluation(database, { agentId, trigger: 'operator', at: now }, session);
  });
}

async function write(
  database: Database,
  { agent, state, decision, evidence }: Seen,
  { target, order }: { target: Target; order: OperatorOrder },
  session: ClientSession,
): Promise<void> {
  const { to, source, isSticky, baseline } = target;
  const { operator, note, now } = order;
  const counts = decision.counts;
  const kept = { ...state, isSticky, baseline, evaluatedAt: now, counts };
  if (to !== agent.status || source !== (agent.statusSource ?? 'community')) {
    // The evaluation that follows sets the time of the next.
    const facts = { agent, state: kept, to, source, decision: { counts, nextEvaluationAt: null }, evidence };
    await writeTransition(database, { ...facts, trigger: 'operator', now, operator, note }, session);
    return;
  }
  await writeState(database, agent._id, kept, session);
  await recordAudit(
    database,
    {
      actor: operator,
      action: 'agent.enforcement_changed',
      targetId: agent._id,
      metadata: { action: order.action.kind, is_sticky: isSticky, note },
      at: now,
    },
    session,
  );
}

/** The state that the action leads to, by the transitions of social.md §5.4. */
function targetOf({ agent, state }: Seen, { action, now }: OperatorOrder): Target {
  const { status } = agent;
  const source = agent.statusSource ?? 'community';
  switch (action.kind) {
    case 'suspend':
      return { to: 'suspended', source: 'operator', isSticky: true, baseline: state.baseline };
    case 'restrict':
      if (status === 'suspended') throw refused('A suspended account can only be reinstated');
      return { to: 'restricted', source: 'operator', isSticky: true, baseline: state.baseline };
    case 'reinstate':
      return { to: 'active', source: 'community', isSticky: false, baseline: now };
    case 'hold':
      if (status === 'active') throw refused('There is no state to hold');
      if (source === 'operator' && !action.isSticky) throw refused('A state set by an operator is always sticky');
      return { to: status, source, isSticky: action.isSticky, baseline: state.baseline };
  }
}

function refused(why: string): AppError {
  return new AppError('VALIDATION_ERROR', undefined, undefined, why);
}
