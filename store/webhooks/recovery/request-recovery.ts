import { newOutboxId } from '../../../platform/ids';
import { recordOwnerAct } from '../../schema/audit';
import { withTransactionBy, type Caller, type OwnerCaller } from '../../schema/prove-caller';
import { findInboxIn } from '../../inbox/inbox';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { lookForMissing, rangeOf } from './never-made';
import { countOwed } from './owed';
import { knownSince, type RecoveryScope } from './scope';

/** Counting stops here: whoever asks needs to know that it is many. */
const COUNTED_MAX = 10_000;
/** Envelopes of one look, and looks: a count must not take longer than a call may. */
const LOOKED_MAX = 1_000;
const LOOKS_MAX = 20;

export interface RecoveryRequest {
  webhook: Webhook;
  /** Names the flow. */
  jobId: string;
  scope: RecoveryScope;
  matched: number;
  /** The agent with the key of its call, or the owner with its claim, which the commit proves; absent = it is no call. */
  caller?: Caller | OwnerCaller;
  now: Date;
}

/**
 * Has a recovery started: the row and the look that the webhook is there and active are one commit, and the relay starts
 * the flow. A repeat is another recovery, which finds nothing left of what the first one sent.
 * @returns false when the webhook is inactive or gone by now
 */
export function requestRecovery(
  database: Database,
  { webhook, jobId, scope, matched, caller, now }: RecoveryRequest,
): Promise<boolean> {
  const { _id: webhookId, agentId: targetId } = webhook;
  const _id = newOutboxId();
  return withTransactionBy(database, caller, async (session) => {
    const active = await database.webhooks.findOne(
      { _id: webhookId, active: true },
      { projection: { _id: 1 }, session },
    );
    if (active === null) return false;
    await database.outbox.insertOne(
      { _id, kind: 'webhook.recovery', targetId, webhookId, jobId, ...scope, matched, createdAt: now },
      { session },
    );
    const [since, until] = [scope.since.toISOString(), scope.until.toISOString()];
    const metadata = { webhook_id: webhookId, job_id: jobId, since, until };
    const act = { caller, action: 'webhook.recovery_requested' as const, targetId, metadata, at: now };
    await recordOwnerAct(database, act, session);
    return true;
  });
}

/** How many deliveries a recovery would make now, counted up to 10,000; it changes nothing. */
export async function countMissing(
  database: Database,
  webhook: Webhook,
  scope: RecoveryScope,
  now: Date,
): Promise<number> {
  const owed = await countOwed(database, webhook._id, scope, COUNTED_MAX);
  if (scope.status !== null || !webhook.events.includes('message.new')) return owed;
  return Math.min(COUNTED_MAX, owed + (await countNeverMade(database, webhook, scope, now)));
}

async function countNeverMade(database: Database, webhook: Webhook, scope: RecoveryScope, now: Date): Promise<number> {
  const inbox = await findInboxIn(database, webhook.agentId);
  if (inbox === null) return 0;
  const time = { since: knownSince(scope.since, now), until: scope.until };
  const range = await rangeOf(database, webhook.agentId, inbox, time);
  let count = 0;
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const look = { range, time, writtenOff: inbox.writtenOff, limit: LOOKED_MAX };
    const looked = await lookForMissing(database, webhook, look);
    count += looked.filter(({ isMissing }) => isMissing).length;
    range.after = looked.at(-1)?.envelope.position ?? range.after;
    if (looked.length < LOOKED_MAX) break;
  }
  return count;
}
