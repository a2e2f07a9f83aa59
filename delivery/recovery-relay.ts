import type { RecoveryFlows } from '../platform/flows/webhook-recovery';
import { findFlowSubject } from '../store/agents/flow-subjects';
import { findRows, removeRows } from '../store/outbox/rows';
import { forEachRow, type RowDeps } from './each-row';

/**
 * Starts the flows of recoveries that were asked for; nobody else does. A crash between start and delete starts it once
 * more, which finds it started. One whose account is gone has nothing to send.
 */
export async function relayRecoveries(deps: RowDeps & { flows: RecoveryFlows }, before: Date): Promise<void> {
  const { database, flows } = deps;
  await forEachRow(deps, await findRows(database, 'webhook.recovery', before), async (row) => {
    const agent = await findFlowSubject(database, row.targetId);
    if (agent !== null) {
      const { webhookId, status, matched } = row;
      const time = { since: row.since.getTime(), until: row.until.getTime() };
      await flows.startWebhookRecovery(row.jobId, { webhookId, handle: agent.handle, ...time, status, matched });
    }
    await removeRows(database, [row._id]);
  });
}
