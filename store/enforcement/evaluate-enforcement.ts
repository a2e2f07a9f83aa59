import type { ClientSession } from 'mongodb';
import { RESTRICTION_BLOCKS, SUSPENSION_BLOCKS, SUSPENSION_REPORTS } from '../../contract/limits';
import {
  countingSince,
  decideEnforcement,
  suspensionReason,
  type EnforcementCounts,
  type EnforcementDecision,
  type EnforcementTrigger,
} from '../../domain/enforcement';
import type { AccountStatus, StatusSource } from '../../domain/guards';
import { SYSTEM_ACTOR, recordAudit, type AuditActor } from '../schema/audit';
import type { Agent } from '../schema/collections/agents';
import { transitionId, type KeptEnforcement } from '../schema/collections/enforcement';
import { withTransactionOn, type Database } from '../schema/database';
import { READ } from '../schema/reads';
import { findEnforcement, loadEvidence, settleUndecided, type Evidence } from './enforcement';
import { writeStatus } from '../accounts/account-facts';
import { requestEvaluation, type EvaluationRequest } from '../outbox/enforcement-requests';

export interface Evaluation {
  status: AccountStatus;
  source: StatusSource;
  isSticky: boolean;
  counts: EnforcementCounts;
  /** When the restriction can lift; null = nothing to wait for. */
  nextEvaluationAt: Date | null;
  /** What changed, if anything did. */
  transition: { number: number; from: AccountStatus } | null;
  /** Asks the flow for the transition's side effects; null when there was none, or the flow itself evaluates. */
  request: EvaluationRequest | null;
}

export interface EvaluationInput {
  agentId: string;
  trigger: EnforcementTrigger;
  now: Date;
}

/**
 * Recounts and sets the state that follows (social.md §6). Every run writes the agent's enforcement document, so runs
 * follow each other (those of one process in turns, so that many at once do not use up their tries), and the last one
 * saw every row that was committed before it. The status changes in the same transaction as the transition's record,
 * audit event and request: a crash leaves all of it or nothing; whoever changed the account in between makes this one
 * start over. Running it again with the same rows changes nothing.
 * @returns null for an agent that does not exist
 */
export function evaluateEnforcement(
  database: Database,
  input: EvaluationInput & { isFlow: boolean },
): Promise<Evaluation | null> {
  return withTransactionOn(database, enforcementKey(input.agentId), async (session) => {
    await settleUndecided(database, input.agentId, session);
    const seen = await look(database, input, session);
    if (seen === null) return null;
    const { agent, state, decision, evidence } = seen;
    const kept = { ...state, evaluatedAt: input.now, counts: decision.counts };
    if (decision.status === agent.status) {
      await writeState(database, agent._id, { ...kept, nextEvaluationAt: decision.nextEvaluationAt }, session);
      return { ...describe(seen), transition: null, request: null };
    }
    const number = await writeTransition(
      database,
      { ...input, agent, state: kept, to: decision.status, source: 'community', decision, evidence },
      session,
    );
    const request = input.isFlow ? null : await requestEvaluation(database, { ...input, at: input.now }, session);
    const source = 'community' as const;
    return { ...describe(seen), source, transition: { number, from: agent.status }, request };
  });
}

/** All that writes an agent's enforcement document takes turns under this key. */
export const enforcementKey = (agentId: string): string => `enforcement:${agentId}`;

/** True when an evaluation now would change the agent's state. Reads only. */
export async function isEvaluationDue(database: Database, agentId: string, now: Date): Promise<boolean> {
  const seen = await look(database, { agentId, now });
  return seen !== null && seen.decision.status !== seen.agent.status;
}

interface Seen {
  agent: Pick<Agent, '_id' | 'status' | 'statusSource' | 'isSystem'>;
  state: Awaited<ReturnType<typeof findEnforcement>>;
  evidence: Evidence;
  decision: EnforcementDecision;
}

/** What is known of the agent and what follows from it; null when there is no such agent. */
export async function look(
  database: Database,
  { agentId, now }: { agentId: string; now: Date },
  session?: ClientSession,
): Promise<Seen | null> {
  const projection = { status: 1, statusSource: 1, isSystem: 1 } as const;
  const agent = await database.agents.findOne({ _id: agentId }, { projection, session, ...READ });
  if (agent === null) return null;
  const state = await findEnforcement(database, agentId, session);
  const evidence = await loadEvidence(database, agentId, countingSince(state.baseline, now), session);
  const decision = decideEnforcement(
    {
      status: agent.status,
      source: agent.statusSource ?? 'community',
      isSticky: state.isSticky,
      isSystem: agent.isSystem,
      baseline: state.baseline,
      blockTimes: evidence.blocks.map(({ createdAt }) => createdAt),
      reportTimes: evidence.reports.map(({ createdAt }) => createdAt),
    },
    now,
  );
  return { agent, state, evidence, decision };
}

function describe({ agent, state, decision }: Seen): Omit<Evaluation, 'transition' | 'request'> {
  const { status, counts, nextEvaluationAt } = decision;
  return { status, counts, nextEvaluationAt, source: agent.statusSource ?? 'community', isSticky: state.isSticky };
}

export interface TransitionInput {
  agent: Seen['agent'];
  state: KeptEnforcement;
  to: AccountStatus;
  source: StatusSource;
  trigger: EnforcementTrigger;
  decision: Pick<EnforcementDecision, 'counts' | 'nextEvaluationAt'>;
  evidence: Evidence;
  now: Date;
  /** Absent where the evaluation itself decided. */
  operator?: AuditActor;
  note?: string | null;
}

/** The transition's part of a transaction: status, state, record and audit event. @returns its number */
export async function writeTransition(
  database: Database,
  input: TransitionInput,
  session: ClientSession,
): Promise<number> {
  const { agent, state, to, source, now } = input;
  const number = state.transitions + 1;
  const { nextEvaluationAt } = input.decision;
  await writeState(database, agent._id, { ...state, transitions: number, since: now, nextEvaluationAt }, session);
  await writeStatus(database, agent._id, { status: to, statusSource: source }, now, session);
  await database.enforcementTransitions.insertOne(
    {
      _id: transitionId(agent._id, number),
      agentId: agent._id,
      number,
      from: agent.status,
      to,
      source,
      trigger: input.trigger,
      operator: input.operator?.id ?? null,
      note: input.note ?? null,
      counts: input.decision.counts,
      thresholds: THRESHOLDS,
      blockIds: input.evidence.blocks.map(({ _id }) => _id),
      reportIds: input.evidence.reports.map(({ _id }) => _id),
      at: now,
      settledAt: null,
    },
    { session },
  );
  await recordAudit(
    database,
    {
      actor: input.operator ?? SYSTEM_ACTOR,
      action: 'agent.status_changed',
      targetId: agent._id,
      metadata: {
        from: agent.status,
        to,
        reason: suspensionReason(source),
        trigger: input.trigger,
        transition: number,
      },
      at: now,
    },
    session,
  );
  return number;
}

const THRESHOLDS = {
  blocksInDay: RESTRICTION_BLOCKS,
  blocksInWeek: SUSPENSION_BLOCKS,
  reportsInWeek: SUSPENSION_REPORTS,
};

/** The one document that every evaluation and every operator's action of an agent writes. */
export async function writeState(
  database: Database,
  agentId: string,
  state: KeptEnforcement,
  session: ClientSession,
): Promise<void> {
  const { transitions, since, isSticky, baseline, evaluatedAt, counts, nextEvaluationAt } = state;
  await database.enforcements.updateOne(
    { _id: agentId },
    {
      $set: { transitions, since, isSticky, baseline, evaluatedAt, counts, nextEvaluationAt },
      // A write that changes nothing would not conflict with one that runs at the same time.
      $inc: { evaluations: 1 },
    },
    { upsert: true, session },
  );
}
