import type { ClientSession } from 'mongodb';
import type { AuditAction } from '../../contract/audit-actions';
import { callerActor, recordAudit } from '../schema/audit';
import type { Database } from '../schema/database';
import { withTransactionBy, type Caller, type OwnerCaller } from '../schema/prove-caller';

/** What somebody had done about the deliveries of a webhook. */
export interface WebhookAct {
  agentId: string;
  caller: Caller | OwnerCaller | undefined;
  action: Extract<AuditAction, 'webhook.redelivered' | 'webhook.recovery_requested' | 'webhook.tested'>;
  /** Ids and times; never a URL or a text. */
  metadata: Record<string, unknown>;
  at: Date;
}

/**
 * Records what an owner did, in the transaction of its fact. Of agents nothing: they do it all day, and whoever looks finds
 * it in the log of deliveries. An owner acts for somebody else, so there it has to be known who it was.
 */
export async function recordOwnerAct(
  database: Database,
  { agentId, caller, action, metadata, at }: WebhookAct,
  session: ClientSession,
): Promise<void> {
  if (caller === undefined || !('ownerId' in caller)) return;
  await recordAudit(database, { actor: callerActor(agentId, caller), action, targetId: agentId, metadata, at }, session);
}

/**
 * Notes that an owner has an endpoint tested, with the proof of its claim, before anything is sent: an api that dies
 * behind it leaves an event of a test that may not have been made, never a test without an event.
 * @throws AppError AGENT_NOT_FOUND when the claim is not the owner's any more
 */
export function noteOwnerTest(
  database: Database,
  { caller, webhookId, event, at }: { caller: OwnerCaller; webhookId: string; event: string; at: Date },
): Promise<void> {
  const metadata = { webhook_id: webhookId, event };
  const act: WebhookAct = { agentId: caller.agentId, caller, action: 'webhook.tested', metadata, at };
  return withTransactionBy(database, caller, (session) => recordOwnerAct(database, act, session));
}
