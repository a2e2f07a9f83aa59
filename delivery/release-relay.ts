import type { ReleaseFlows } from '../platform/flows/release-flow';
import type { Database } from '../store/database';
import { findReleasing, settleReleaseRequest } from '../store/releases';

/** Rows of one round: bounded, the next round takes the rest. */
const BATCH = 100;
/** How often releases are looked for whose flow was ended by hand. */
const SWEEP_EVERY_MS = 30_000;
/** A flow that runs hears of it and goes on as it was. */
const OVERDUE_MS = 60_000;

interface Deps {
  database: Database;
  flows: ReleaseFlows;
}

/**
 * Makes certain that every end of a silence reaches the flow that releases what was held back. A crash between signal
 * and delete repeats the signal, which changes nothing; an end that commits in between writes the row anew, so it stays.
 */
export function createReleaseRelay({ database, flows }: Deps) {
  let sweptAtMs = performance.now();
  return {
    /** One round: ends that the api did not pass on before `before`. */
    async round(before: Date): Promise<void> {
      const rows = await database.outbox
        .find(
          { kind: 'inbox.release', createdAt: { $lt: before } },
          { sort: { createdAt: 1 }, limit: BATCH, maxTimeMS: 5_000 },
        )
        .toArray();
      for (const row of rows) {
        if (row.kind !== 'inbox.release') continue;
        await tell({ database, flows }, row.targetId, row.epoch);
        await settleReleaseRequest(database, { agentId: row.targetId, epoch: row.epoch });
      }
      if (performance.now() - sweptAtMs < SWEEP_EVERY_MS) return;
      sweptAtMs = performance.now();
      const overdue = await findReleasing(database, new Date(Date.now() - OVERDUE_MS), BATCH);
      for (const agentId of overdue) await tell({ database, flows }, agentId);
    },
  };
}

export type ReleaseRelay = ReturnType<typeof createReleaseRelay>;

/** @param epoch absent: that of now */
async function tell({ database, flows }: Deps, agentId: string, epoch?: number): Promise<void> {
  const agent = await database.agents.findOne(
    { _id: agentId },
    { projection: { handle: 1, pauseEpoch: 1 }, maxTimeMS: 5_000 },
  );
  if (agent === null) return;
  await flows.startRelease({ id: agentId, handle: agent.handle }, epoch ?? agent.pauseEpoch ?? 0);
}
