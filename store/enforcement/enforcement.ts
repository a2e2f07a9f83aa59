import type { ClientSession } from 'mongodb';
import { pairId, type PairGuard } from '../../domain/guards';
import type { Block } from '../schema/collections/relations';
import {
  EPOCH,
  type EnforcementState,
  type EnforcementTransition,
  type Report,
} from '../schema/collections/enforcement';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** The counting rows against an agent since some time, newest first. */
export interface Evidence {
  blocks: Pick<Block, '_id' | 'blockerId' | 'createdAt'>[];
  reports: Pick<Report, '_id' | 'reporterId' | 'createdAt'>[];
}

/** More rows of a kind are not read: the account is suspended at 50 and 10, and then nobody can add any. */
const ROWS_MAX = 200;

const ROW = { blockerId: 1, reporterId: 1, createdAt: 1 } as const;

/** @param since rows that are older do not count */
export async function loadEvidence(
  database: Database,
  agentId: string,
  since: Date,
  session?: ClientSession,
): Promise<Evidence> {
  const options = { projection: ROW, sort: { createdAt: -1 }, limit: ROWS_MAX, ...READ, session } as const;
  const createdAt = { $gte: since };
  // The planner would do for few rows; the rows that do not count may be very many.
  const blocks = await database.blocks
    .find({ blockedId: agentId, counts: true, createdAt }, { ...options, hint: 'blocked_counting' })
    .toArray();
  const reports = await database.reports
    .find({ reportedId: agentId, counts: true, createdAt }, { ...options, hint: 'reported_counting' })
    .toArray();
  return { blocks, reports };
}

/**
 * Reports whose reporter took the block back while there was no conversation: once there is one, its opener decides.
 * Part of the evaluation's transaction; a repeat finds nothing to do.
 */
export async function settleUndecided(database: Database, agentId: string, session: ClientSession): Promise<void> {
  const open = await database.reports
    .find({ reportedId: agentId, isUndecided: true }, { limit: ROWS_MAX, ...READ, session, hint: 'reported_undecided' })
    .toArray();
  if (open.length === 0) return;
  const pairs = await database.guards
    .find<PairGuard>({ _id: { $in: open.map(({ reporterId }) => pairId(reporterId, agentId)) } }, { session, ...READ })
    .toArray();
  for (const counts of [true, false]) {
    const opened = pairs.filter(({ initiatedBy }) => initiatedBy !== null && (initiatedBy === agentId) === counts);
    const ids = new Set(opened.map(({ _id }) => _id));
    const settled = open.filter(({ reporterId }) => ids.has(pairId(reporterId, agentId))).map(({ _id }) => _id);
    if (settled.length === 0) continue;
    await database.reports.updateMany(
      { _id: { $in: settled } },
      { $set: { counts }, $unset: { isUndecided: '' } },
      { session },
    );
  }
}

/** What is kept about the agent's enforcement, or what an agent starts with that nobody ever evaluated. */
export async function findEnforcement(
  database: Database,
  agentId: string,
  session?: ClientSession,
): Promise<Pick<EnforcementState, 'transitions' | 'since' | 'isSticky' | 'baseline' | 'nextEvaluationAt'>> {
  const found = await database.enforcements.findOne({ _id: agentId }, { ...READ, session });
  return found ?? { transitions: 0, since: null, isSticky: false, baseline: null, nextEvaluationAt: null };
}

/** Numbers of the agent's transitions whose side effects are still to do, in their order. */
export async function findUnsettled(database: Database, agentId: string): Promise<number[]> {
  const rows = await database.enforcementTransitions
    .find(
      { agentId, settledAt: null },
      { projection: { number: 1 }, sort: { number: 1 }, limit: 100, ...READ, hint: 'agent_unsettled' },
    )
    .toArray();
  return rows.map(({ number }) => number);
}

/** A page of the agent's history, newest first. */
export function listTransitions(
  database: Database,
  agentId: string,
  page: { limit: number; offset: number },
): Promise<EnforcementTransition[]> {
  return database.enforcementTransitions
    .find({ agentId }, { sort: { number: -1 }, skip: page.offset, limit: page.limit, ...READ })
    .toArray();
}

/** A page of all reports about the agent, whether they count or not, newest first. For operators only. */
export function listReports(
  database: Database,
  agentId: string,
  page: { limit: number; offset: number },
): Promise<Report[]> {
  return database.reports
    .find({ reportedId: agentId }, { sort: { createdAt: -1 }, skip: page.offset, limit: page.limit, ...READ })
    .toArray();
}

/** Agents whose restriction should have been looked at by `before`: their flow was ended, or runs late. */
export async function findOverdue(database: Database, before: Date, limit: number): Promise<string[]> {
  const rows = await database.enforcements
    .find(
      // Both ends: the partial index serves only what its own filter covers.
      { nextEvaluationAt: { $gt: EPOCH, $lt: before } },
      { projection: { _id: 1 }, sort: { nextEvaluationAt: 1 }, limit, ...READ },
    )
    .toArray();
  return rows.map(({ _id }) => _id);
}
