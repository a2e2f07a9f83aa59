import type { ClientSession } from 'mongodb';
import type { EnforcementTrigger } from '../../domain/enforcement';
import { newOutboxId } from '../../platform/ids';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';

/** An evaluation that was asked for; whoever tells the flow removes its row from the outbox. */
export interface EvaluationRequest {
  id: string;
  agentId: string;
  trigger: EnforcementTrigger;
}

/**
 * Asks for an evaluation in the commit of what makes it necessary, so that a crash right after it loses nothing: the
 * api tells the flow at once, the relay makes it certain.
 */
export async function requestEvaluation(
  database: Database,
  { agentId, trigger, at }: { agentId: string; trigger: EnforcementTrigger; at: Date },
  session: ClientSession,
): Promise<EvaluationRequest> {
  const id = newOutboxId();
  await database.outbox.insertOne(
    { _id: id, kind: 'enforcement.requested', targetId: agentId, trigger, createdAt: at },
    { session },
  );
  return { id, agentId, trigger };
}

/** The flow of a restricted account waits for the restriction's end: it has to see that there is nothing to wait for. */
export async function endEnforcement(
  database: Database,
  agentId: string,
  at: Date,
  session: ClientSession,
): Promise<void> {
  const waiting = { _id: agentId, nextEvaluationAt: { $ne: null } };
  if ((await database.enforcements.findOne(waiting, { session, ...READ })) === null) return;
  await requestEvaluation(database, { agentId, trigger: 'operator', at }, session);
}
