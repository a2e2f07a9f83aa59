import type { EnforcementCounts, EnforcementTrigger } from '../../../domain/enforcement';
import type { AccountStatus, StatusSource } from '../../../domain/guards';
import { DATE_OR_NULL, NUMBER, shape, STRING_OR_NULL, collection } from './collection';

/** One agent reported another; permanent, one per pair for ever. Only operators see any of it. */
export interface Report {
  _id: string;
  reporterId: string;
  reportedId: string;
  reason: string | null;
  createdAt: Date;
  /** The reported agent had written to the reporter first: only such a report counts (social.md §5.2). */
  counts: boolean;
  /** The reporter took its block back before there was a conversation: who opens one decides whether it counts. */
  isUndecided?: true;
}

/** What is known of an agent's enforcement beside its status. Exists from the first evaluation on. `_id` = agent id. */
export interface EnforcementState {
  _id: string;
  /** Number of the last transition; they are counted from 1. */
  transitions: number;
  /** Since when the present status holds; null: since the account exists. */
  since: Date | null;
  /** An operator holds the state: nothing lifts it by itself. */
  isSticky: boolean;
  baseline: Date | null;
  evaluatedAt: Date;
  /** How often it was looked at: what two that look at once collide on. */
  evaluations: number;
  counts: EnforcementCounts;
  nextEvaluationAt: Date | null;
}

/** One change of state with everything that it rested on (social.md §6 G10). `_id` = `<agent id>:<number>`. */
export interface EnforcementTransition {
  _id: string;
  agentId: string;
  number: number;
  from: AccountStatus;
  to: AccountStatus;
  source: StatusSource;
  trigger: EnforcementTrigger;
  /** The label of the operator who did it; null without one, or where no operator did. */
  operator: string | null;
  note: string | null;
  counts: EnforcementCounts;
  thresholds: { blocksInDay: number; blocksInWeek: number; reportsInWeek: number };
  /** The rows that counted, newest first. */
  blockIds: string[];
  reportIds: string[];
  at: Date;
  /** When its side effects were done; null = still to do. */
  settledAt: Date | null;
}

/** What evaluations decide from and leave behind. */
export type KeptEnforcement = Omit<EnforcementState, '_id' | 'evaluations'>;

/** Before every time that is stored. */
export const EPOCH = new Date(0);

export const transitionId = (agentId: string, number: number): string => `${agentId}:${number}`;

export const reports = collection<Report>({
  schema: shape({
    _id: 'string',
    reporterId: 'string',
    reportedId: 'string',
    reason: STRING_OR_NULL,
    createdAt: 'date',
    counts: 'bool',
  }),
  indexes: [
    // reportAgent: no second report ever
    { name: 'reporter_reported', key: { reporterId: 1, reportedId: 1 }, unique: true },
    // listReports: all of an agent, newest first
    { name: 'reported_created', key: { reportedId: 1, createdAt: -1 } },
    // loadEvidence: the newest counting reports of an agent
    { name: 'reported_counting', key: { reportedId: 1, createdAt: -1 }, partialFilterExpression: { counts: true } },
    // settleUndecided
    { name: 'reported_undecided', key: { reportedId: 1 }, partialFilterExpression: { isUndecided: true } },
  ],
});

export const enforcements = collection<EnforcementState>({
  schema: shape({
    _id: 'string',
    transitions: NUMBER,
    since: DATE_OR_NULL,
    isSticky: 'bool',
    baseline: DATE_OR_NULL,
    evaluatedAt: 'date',
    counts: 'object',
    nextEvaluationAt: DATE_OR_NULL,
  }),
  indexes: [
    // findOverdue: restrictions whose flow did not look in time
    { name: 'due', key: { nextEvaluationAt: 1 }, partialFilterExpression: { nextEvaluationAt: { $gt: EPOCH } } },
  ],
});

export const enforcementTransitions = collection<EnforcementTransition>({
  schema: shape({
    _id: 'string',
    agentId: 'string',
    number: NUMBER,
    from: 'string',
    to: 'string',
    source: 'string',
    trigger: 'string',
    operator: STRING_OR_NULL,
    note: STRING_OR_NULL,
    counts: 'object',
    thresholds: 'object',
    blockIds: 'array',
    reportIds: 'array',
    at: 'date',
    settledAt: DATE_OR_NULL,
  }),
  indexes: [
    // listTransitions: the history of an agent, newest first
    { name: 'agent_number', key: { agentId: 1, number: -1 }, unique: true },
    // findUnsettled
    { name: 'agent_unsettled', key: { agentId: 1, number: 1 }, partialFilterExpression: { settledAt: null } },
  ],
});
