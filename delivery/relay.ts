import type { Flows } from '../platform/flows';
import type { Logger } from '../platform/logger';
import type { FlowCommit } from '../store/collections/outbox';
import type { Database } from '../store/database';
import { relayGroups } from './group-relay';
import { createEnforcementRelay, type EnforcementRelay } from './enforcement-relay';
import { settleVisibility } from '../store/visibility';
import { relayDeletedWebhooks } from './deleted-webhooks';
import { relayDeletions } from './relay-deletions';
import { createReleaseRelay, type ReleaseRelay } from './release-relay';
import { repeat } from './repeat';
import { createTroubleRelay, type TroubleRelay } from './trouble-relay';

/** The api signals at once; what is left after this long is ours. */
const AGE_MS = 2_000;
const EVERY_MS = 1_000;
/** Rows of one round: bounded, the next round takes the rest. */
const BATCH = 100;

/**
 * Makes certain what the api tries at once: flows are told of commits. Signals may repeat (two workers, a crash
 * between signal and delete): the flow takes the second for the first.
 */
export function startRelay(deps: { database: Database; flows: Flows; log: Logger }): { stop: () => Promise<void> } {
  const enforcement = createEnforcementRelay(deps);
  const trouble = createTroubleRelay(deps);
  const releases = createReleaseRelay(deps);
  return repeat(async () => {
    await relayRound(deps, enforcement, trouble, releases);
    return false;
  }, EVERY_MS);
}

/** One kind of row that cannot be relayed now (Temporal is down) holds up no other. */
async function relayRound(
  deps: { database: Database; flows: Flows; log: Logger },
  enforcement: EnforcementRelay,
  trouble: TroubleRelay,
  releases: ReleaseRelay,
): Promise<void> {
  const due = { before: new Date(Date.now() - AGE_MS), limit: BATCH };
  const relays = [
    enforcement.round(AGE_MS),
    trouble.round(),
    releases.round(due.before),
    relayCommits(deps),
    relayVisibility(deps.database),
    relayDeletions(deps, due),
    relayGroups(deps),
    relayDeletedWebhooks(deps.database, new Date()),
  ];
  for (const result of await Promise.allSettled(relays)) {
    if (result.status === 'rejected') deps.log.warn({ event: 'relay.failed', err: result.reason });
  }
}

/** Contact books of an account that became hidden or visible: left over when the process that changed it died. */
async function relayVisibility(database: Database): Promise<void> {
  const rows = await database.outbox
    .find({ kind: 'contacts.visibility', createdAt: { $lt: new Date(Date.now() - AGE_MS) } })
    .sort({ createdAt: 1 })
    .limit(BATCH)
    .toArray();
  for (const row of rows) {
    if (row.kind === 'contacts.visibility') await settleVisibility(database, row.targetId);
  }
}

async function relayCommits({ database, flows }: { database: Database; flows: Flows }): Promise<void> {
  const rows = await database.outbox
    .find({ kind: 'flow.committed', createdAt: { $lt: new Date(Date.now() - AGE_MS) } })
    .sort({ createdAt: 1 })
    .limit(BATCH)
    .toArray();
  for (const row of rows) {
    if (row.kind !== 'flow.committed') continue;
    await flows.signalCommitted(row.workflowId, commitOf(row));
    await database.outbox.deleteOne({ _id: row._id });
  }
}

function commitOf(row: FlowCommit): FlowCommit {
  return 'ownerId' in row ? { ownerId: row.ownerId } : { agentId: row.agentId, keyVersion: row.keyVersion };
}
