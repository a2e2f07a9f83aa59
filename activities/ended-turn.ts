import type { CancelReason } from '../contract/turn-frames';
import type { Logger } from '../platform/logger';
import { turnCancelFrame } from '../presenters/turn-cancel';
import { loadExecution } from '../store/gateway/executions';
import { handOverFrom, type HandOverDeps } from '../store/gateway/hand-over';
import type { EndedTurn } from '../store/gateway/turns';
import { broadcastFrame } from '../store/nodes/broadcast-frame';

/**
 * Behind the end of a turn that nobody has answered: its agent hears that it need not answer any more, and the next turn
 * is handed over. The frame is lost with the process, as any is; the next turn is not, for the relay comes by, too.
 * @param ended null when the turn had ended before: then nothing is to be said
 */
export async function followEnd(
  deps: HandOverDeps & { log: Logger },
  ended: EndedTurn | null,
  reason: CancelReason,
): Promise<void> {
  if (ended === null) return;
  const { executionId, nextId } = ended;
  const execution = await loadExecution(deps.database, executionId);
  if (execution !== null && execution.messageId !== null) {
    await broadcastFrame(deps, execution.agentId, turnCancelFrame(executionId, reason));
  }
  await handOverFrom(deps, nextId);
}
