import type { Flows } from '../platform/flows/flows';
import type { Logger } from '../platform/logger';
import { handOverFrom, type HandOverDeps } from '../store/gateway/hand-over';
import { settleReplies } from '../store/gateway/replies';
import { cutTurns, flowInputOf, settleTurnRow } from '../store/gateway/turns';
import { findRows } from '../store/outbox/rows';

interface Deps extends HandOverDeps {
  flows: Pick<Flows, 'startTurn' | 'signalTurn'>;
  log: Logger;
}

/**
 * Makes certain what the api does at once for turns of the gateway: each answer is settled, each flow is started and told,
 * and the next turn of a session is handed over. Everything may happen twice (two workers, a crash between effect and
 * delete): an answer is settled in the transaction that takes its row, a flow's id makes its starts one, a message's
 * client id its sends. One turn that fails holds up no other.
 */
export async function relayTurns(deps: Deps, before: Date): Promise<void> {
  const { database, flows } = deps;
  const each = (executionId: string, work: () => Promise<unknown>) =>
    work().catch((error: unknown) => deps.log.warn({ event: 'relay.turn_failed', executionId, err: error }));
  for (const { executionId } of await findRows(database, 'turn.started', before)) {
    await each(executionId, async () => {
      const input = await flowInputOf(database, executionId);
      if (input !== null) await flows.startTurn(input);
      await settleTurnRow(database, 'turn.started', executionId);
    });
  }
  const replied = await findRows(database, 'turn.replied', before);
  for (const guestId of new Set(replied.map((row) => row.guestId))) {
    await each(guestId, () => settleReplies(database, guestId));
  }
  for (const row of await findRows(database, 'turns.cut', before)) {
    await each(row.targetId, () => cutTurns(database, row, deps.clock.now()));
  }
  for (const { executionId, nextId } of await findRows(database, 'turn.ended', before)) {
    await each(executionId, async () => {
      await handOverFrom(deps, nextId);
      await flows.signalTurn(executionId);
      await settleTurnRow(database, 'turn.ended', executionId);
    });
  }
}
