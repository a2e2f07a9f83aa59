import { settleWrittenOff } from '../store/inbox/written-off';
import { findRows } from '../store/outbox/rows';
import { forEachRow, type RowDeps } from './each-row';

/** Rewrites the envelopes that leavers of groups lost, where the api did not. Doing it twice finds nothing to rewrite. */
export async function relayWrittenOff(deps: RowDeps, before: Date): Promise<void> {
  const { database } = deps;
  await forEachRow(deps, await findRows(database, 'inbox.written-off', before), ({ targetId }) =>
    settleWrittenOff(database, targetId),
  );
}
