import type { Flows } from '../platform/flows/flows';
import type { Logger } from '../platform/logger';
import { handOverFrom, type HandOverDeps } from '../store/gateway/hand-over';
import { settleReplies } from '../store/gateway/replies';
import { settleRevokedLink } from '../store/gateway/revoked-links';
import {
  cutTurns,
  findWaitingTurns,
  flowInputOf,
  settleEnded,
  settleStarted,
  settleUnpaused,
} from '../store/gateway/turn-outbox';
import { findRows } from '../store/outbox/rows';

interface Deps extends HandOverDeps {
  flows: Pick<Flows, 'startTurn' | 'signalTurn'>;
  log: Logger;
}

/**
 * Makes certain what the api does at once for turns of the gateway: each answer is settled, each message is handed over,
 * each flow is started and told. Everything may happen twice (two workers, a crash between effect and delete): an answer
 * is settled in the transaction that takes its row, a message's client id makes its sends one, a flow's id its starts.
 * Users wait for the database only: while Temporal is out of reach the first call of it ends the round.
 */
export async function relayTurns(deps: Deps, before: Date): Promise<void> {
  const { database, flows } = deps;
  const started = await findRows(database, 'turn.started', before);
  const ended = await findRows(database, 'turn.ended', before);
  await settleAndHandOver(deps, {
    guestIds: (await findRows(database, 'turn.replied', before)).map(({ guestId }) => guestId),
    executionIds: [...started.map(({ executionId }) => executionId), ...ended.map(({ nextId }) => nextId)],
    before,
  });
  for (const { executionId } of started) {
    const input = await flowInputOf(database, executionId);
    if (input !== null) await flows.startTurn(input);
    await settleStarted(database, executionId);
  }
  for (const row of ended) {
    await flows.signalTurn(row.executionId);
    await settleEnded(database, row);
  }
}

/** What users wait for. One that fails holds up no other. */
async function settleAndHandOver(
  deps: Deps,
  { guestIds, executionIds, before }: { guestIds: string[]; executionIds: (string | null)[]; before: Date },
): Promise<void> {
  const each = (ids: object, work: () => Promise<unknown>) =>
    work().catch((error: unknown) => deps.log.warn({ event: 'relay.turn_failed', ...ids, err: error }));
  for (const { _id, targetId } of await findRows(deps.database, 'turns.unpaused', before)) {
    await each({ agentId: targetId }, () => handOverWaiting(deps, { _id, targetId }));
  }
  for (const row of await findRows(deps.database, 'turns.cut', before)) {
    await each({ agentId: row.targetId }, () => cutTurns(deps.database, row, deps.clock.now()));
  }
  for (const row of await findRows(deps.database, 'link.revoked', before)) {
    await each({ linkId: row.linkId }, () => settleRevokedLink(deps.database, row, deps.clock.now()));
  }
  for (const guestId of new Set(guestIds)) await each({ guestId }, () => settleReplies(deps.database, guestId));
  for (const executionId of new Set(executionIds)) await each({ executionId }, () => handOverFrom(deps, executionId));
}

/** The tasks of an agent whose pause is over. Dying in between, the row stays, and the next round finds what is left. */
async function handOverWaiting(deps: Deps, row: { _id: string; targetId: string }): Promise<void> {
  for (const id of await findWaitingTurns(deps.database, row.targetId)) await handOverFrom(deps, id);
  await settleUnpaused(deps.database, row._id);
}
