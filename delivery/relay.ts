import type { Flows } from '../platform/flows/flows';
import { repeat } from '../platform/repeat';
import type { HandOverDeps } from '../store/gateway/hand-over';
import { relayAccountDeletions } from './account-deletion-relay';
import { relayCommits } from './code-by-mail-relay';
import { relayDeletedWebhooks } from './deleted-webhooks-relay';
import { createEnforcementRelay } from './enforcement-relay';
import { createFailedRowsWatch, type FailureDeps } from './failed-rows';
import { relayGroupDeletions } from './group-deletion-relay';
import { createReleaseRelay } from './inbox-release-relay';
import { relayRecoveries } from './recovery-relay';
import { relayTeamTurns } from './team-turn-relay';
import { relayTurns } from './turn-relay';
import { relayVisibility } from './visibility-relay';
import { createWebhookRelay } from './webhook-relay';
import { relayWebhookTests } from './webhook-tests-relay';
import { relayWrittenOff } from './written-off-relay';

/** The api signals at once; what is left after this long is the relay's. */
const AGE_MS = 2_000;
const EVERY_MS = 1_000;

export interface RelayDeps extends HandOverDeps, FailureDeps {
  flows: Flows;
}

/**
 * Makes certain what the api tries at once: the flows hear of commits, and what a commit left to do is done. Everything
 * may happen twice (two workers, a crash between effect and delete): each relay says why that does no harm. A row that
 * fails waits for a while and holds up no other (`each-row.ts`).
 */
export function startRelay(deps: RelayDeps): { stop: () => Promise<void> } {
  const { database, log } = deps;
  const enforcement = createEnforcementRelay(deps);
  const webhooks = createWebhookRelay(deps);
  const releases = createReleaseRelay(deps);
  const failedRows = createFailedRowsWatch(deps);

  /** One kind of row that cannot be relayed now (Temporal is down) holds up no other. */
  async function round(): Promise<void> {
    const now = new Date();
    const before = new Date(now.getTime() - AGE_MS);
    const relays = [
      enforcement.round(before),
      webhooks.round(now),
      releases.round(before),
      relayCommits(deps, before),
      relayAccountDeletions(deps, before),
      relayGroupDeletions(deps, before),
      relayWrittenOff(deps, before),
      relayVisibility(deps, before),
      relayDeletedWebhooks(deps, now),
      relayRecoveries(deps, now),
      relayWebhookTests(database, now),
      relayTurns(deps, before),
      relayTeamTurns(deps, before),
      failedRows.round(now),
    ];
    for (const result of await Promise.allSettled(relays)) {
      if (result.status === 'rejected') log.warn({ event: 'relay.failed', err: result.reason });
    }
  }

  return repeat(round, { everyMs: EVERY_MS });
}
