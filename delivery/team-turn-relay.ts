import type { Flows } from '../platform/flows/flows';
import { settleTeamStarted, teamFlowInputOf } from '../store/gateway/team-turns';
import { findRows } from '../store/outbox/rows';
import { forEachRow, type RowDeps } from './each-row';

/**
 * Makes certain that each turn of a team has its flow, which does everything else. It may happen twice (two workers, a
 * crash between start and delete): the flow's id makes it one.
 */
export async function relayTeamTurns(
  deps: RowDeps & { flows: Pick<Flows, 'startTeamTurn'> },
  before: Date,
): Promise<void> {
  const { database, flows } = deps;
  await forEachRow(deps, await findRows(database, 'team-turn.started', before), async ({ executionId }) => {
    const input = await teamFlowInputOf(database, executionId);
    if (input !== null) await flows.startTeamTurn(input);
    await settleTeamStarted(database, executionId);
  });
}
