import type { Flows } from '../platform/flows/flows';
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
import { findRows, type RowOf } from '../store/outbox/rows';
import { doEach, forEachRow, rowsBy, type RowDeps, type RowJob } from './each-row';

type Deps = HandOverDeps & RowDeps & { flows: Pick<Flows, 'startTurn' | 'signalTurn'> };

/**
 * Makes certain what the api does at once for turns of the gateway: each answer is settled, each message is handed over,
 * each flow is started and told. Everything may happen twice (two workers, a crash between effect and delete): an answer
 * is settled in the transaction that takes its row, a message's client id makes its sends one, a flow's id its starts.
 * Users wait for the database only: while Temporal is out of reach the first call of it ends the round. One that fails
 * holds up no other (`doEach`).
 */
export async function relayTurns(deps: Deps, before: Date): Promise<void> {
  const { database, flows } = deps;
  const started = await findRows(database, 'turn.started', before);
  const ended = await findRows(database, 'turn.ended', before);
  await settleOthers(deps, before);
  await settleAndHandOver(deps, { started, ended, before });
  await forEachRow(deps, started, async ({ executionId }) => {
    const input = await flowInputOf(database, executionId);
    if (input !== null) await flows.startTurn(input);
    await settleStarted(database, executionId);
  });
  await forEachRow(deps, ended, async (row) => {
    await flows.signalTurn(row.executionId);
    await settleEnded(database, row);
  });
}

/** What users wait for. */
async function settleAndHandOver(
  deps: Deps,
  { started, ended, before }: { started: RowOf<'turn.started'>[]; ended: RowOf<'turn.ended'>[]; before: Date },
): Promise<void> {
  const replies = rowsBy(await findRows(deps.database, 'turn.replied', before), ({ guestId }) => guestId);
  const settling = [...replies].map(([guestId, rows]): RowJob => ({
    rows,
    work: () => settleReplies(deps.database, guestId),
  }));
  const handOver = [
    ...started.map((row) => ({ row, id: row.executionId })),
    ...ended.map((row) => ({ row, id: row.nextId })),
  ];
  await doEach(deps, settling);
  await doEach(
    deps,
    handOver.map(({ row, id }): RowJob => ({ rows: [row], work: () => handOverFrom(deps, id) })),
  );
}

/** What changes of an agent or a link leave to its turns. */
async function settleOthers(deps: Deps, before: Date): Promise<void> {
  const { database, clock } = deps;
  await forEachRow(deps, await findRows(database, 'turns.unpaused', before), (row) => handOverWaiting(deps, row));
  await forEachRow(deps, await findRows(database, 'turns.cut', before), (row) => cutTurns(database, row, clock.now()));
  await forEachRow(deps, await findRows(database, 'link.revoked', before), (row) =>
    settleRevokedLink(database, row, clock.now()),
  );
}

/** The tasks of an agent whose pause is over. Dying in between, the row stays, and the next round finds what is left. */
async function handOverWaiting(deps: Deps, row: { _id: string; targetId: string }): Promise<void> {
  for (const id of await findWaitingTurns(deps.database, row.targetId)) await handOverFrom(deps, id);
  await settleUnpaused(deps.database, row._id);
}
