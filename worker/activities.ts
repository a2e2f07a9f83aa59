import { createDeletionActivities } from '../activities/account-deletion';
import { createCallbackActivities } from '../activities/callback';
import { createCodeActivities } from '../activities/code-by-mail';
import { createGroupDeletionActivities } from '../activities/group-deletion';
import { createHousekeepingActivities } from '../activities/housekeeping';
import { createEnforcementActivities } from '../activities/enforcement';
import { createPaidTurnActivities } from '../activities/paid-turn';
import { createReleaseActivities } from '../activities/inbox-release';
import { createSocketActivities } from '../activities/sockets';
import { createTeamTurnActivities } from '../activities/team-turn';
import { createTurnActivities } from '../activities/turn';
import { createRecoveryActivities } from '../activities/webhook-recovery';
import { createWebhookActivities, type WebhookActivityDeps } from '../activities/webhook';
import { createWebhookTestActivities } from '../activities/webhook-test';
import type { BlobStore } from '../platform/blobs/blob-store';
import type { SecretKey } from '../platform/config';
import type { Logger } from '../platform/logger';
import type { Mailer } from '../platform/mail';
import type { Metrics } from '../platform/metrics';
import type { Facilitator } from '../platform/x402/facilitator';
import type { HandOverDeps } from '../store/gateway/hand-over';
import { createCallbackSecrets } from '../store/gateway/callbacks';
import { createPaymentSeal } from '../store/gateway/payments';
import { createAgentReader } from '../store/agents/agents';
import { createOrders } from '../store/nodes/orders';

export interface ActivityDeps extends HandOverDeps {
  mailer: Mailer;
  blobs: BlobStore;
  secretKeys: SecretKey[];
  undeliveredTtlDays: number;
  publicBaseUrl: string;
  webhooks: WebhookActivityDeps;
  facilitator: Facilitator | null;
  metrics: Metrics;
  log: Logger;
}

/** The side effects of all flows. */
export function createActivities(deps: ActivityDeps) {
  const orders = createOrders(deps);
  return {
    ...createCodeActivities(deps),
    ...createSocketActivities({ orders }),
    ...createDeletionActivities(deps),
    ...createGroupDeletionActivities({ ...deps, orders }),
    ...createEnforcementActivities({ ...deps, orders }),
    ...createHousekeepingActivities(deps),
    ...createTurnActivities(deps),
    ...createCallbackActivities({
      ...deps,
      egress: deps.webhooks.attempts.egress,
      secrets: createCallbackSecrets(deps.secretKeys),
    }),
    ...createTeamTurnActivities(deps),
    ...createPaidTurnActivities({ ...deps, paymentSeal: createPaymentSeal(deps.secretKeys) }),
    ...createWebhookActivities(deps.webhooks),
    ...createRecoveryActivities({ ...deps, agents: createAgentReader(deps.database), wake: deps.webhooks.wake }),
    ...createWebhookTestActivities(deps.webhooks),
    ...createReleaseActivities({
      ...deps,
      agents: createAgentReader(deps.database),
      orders,
      wake: deps.webhooks.wake,
    }),
  };
}
