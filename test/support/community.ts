import { randomBytes } from 'node:crypto';
import { emptyPair, pairId } from '../../domain/guards';
import type { Database } from '../../store/schema/database';
import { evaluateEnforcement } from '../../store/enforcement/evaluate-enforcement';
import { setBlock } from '../../store/contacts/relations';
import { reportAgent } from '../../store/contacts/reports';
import { createTestAgent, type TestAgent } from './agents';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

let conversations = 0;

/** What enforcement knows of "`from` wrote to `to` first"; sending itself is tested elsewhere. */
export async function wroteFirst(database: Database, from: string, to: string): Promise<void> {
  const id = pairId(from, to);
  const conversationId = `conv_test${(conversations += 1)}${randomBytes(4).toString('hex')}`;
  const opened = { initiatedBy: from, conversationId };
  const found = await database.guards.updateOne({ _id: id }, { $set: opened, $inc: { v: 1 } });
  if (found.matchedCount === 0) await database.guards.insertOne({ ...emptyPair(id), ...opened, v: 1 });
}

/** Ids of so many fresh agents to whom `target` wrote first, unless `isStranger`. Rows of agents are not needed. */
export async function makeWitnesses(
  database: Database,
  target: TestAgent,
  count: number,
  { isStranger = false }: { isStranger?: boolean } = {},
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => `agt_${randomBytes(8).toString('hex')}`);
  if (!isStranger) await Promise.all(ids.map((id) => wroteFirst(database, target.agent._id, id)));
  return ids;
}

/** A fresh agent and what happens to it, by a clock that the test sets. */
export async function createSubject(database: Database) {
  const target = await createTestAgent(database);
  const agentId = target.agent._id;
  return {
    target,
    agentId,
    witnesses: (count: number, options?: { isStranger?: boolean }) => makeWitnesses(database, target, count, options),
    blockedBy: async (ids: string[], at: Date | ((index: number) => Date)) => {
      for (const [index, from] of ids.entries()) {
        await setBlock(database, { from, to: agentId, at: at instanceof Date ? at : at(index) });
      }
    },
    reportedBy: async (ids: string[], at: Date) => {
      for (const from of ids) await reportAgent(database, { from, to: agentId, at, reason: null });
    },
    evaluate: async (now: Date) => {
      const seen = await evaluateEnforcement(database, { agentId, trigger: 'request', now, isFlow: true });
      if (seen === null) throw new Error('the agent is gone');
      return seen;
    },
    status: async () => (await database.agents.findOne({ _id: agentId }))?.status,
    transitions: () => database.enforcementTransitions.find({ agentId }).sort({ number: 1 }).toArray(),
  };
}

export type Subject = Awaited<ReturnType<typeof createSubject>>;
