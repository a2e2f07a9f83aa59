import type { AttemptDeps } from '../delivery/attempt';
import { createDeadLetterWatch } from '../delivery/dead-letter-watch';
import { startFirstAttempts } from '../delivery/first-attempts';
import { startIntentRelay } from '../delivery/intent-relay';
import { isForbiddenAddress } from '../domain/addresses';
import { systemClock } from '../platform/clock';
import type { Config } from '../platform/config';
import { createEgress } from '../platform/egress/egress';
import { resolveBySystem } from '../platform/egress/resolve';
import { lookUpAddresses } from '../platform/host-addresses';
import type { Logger } from '../platform/logger';
import type { Metrics } from '../platform/metrics';
import { createAgentReader } from '../store/agents/agents';
import { AckLane } from '../store/sending/ack-lane';
import type { Database } from '../store/schema/database';
import { createWebhookSecrets } from '../store/webhooks/webhook-secrets';

/** At a shutdown attempts on the wire get this long; what is cut off then is repeated by another worker at once. */
const DRAIN_MS = 4_000;

/** Everything of a worker process that sends webhooks. */
export interface Webhooks {
  attempts: AttemptDeps;
  /** There is a new delivery for this webhook. */
  wake: (webhookId: string) => void;
  stop(): Promise<void>;
}

export function startWebhooks(deps: { config: Config; database: Database; metrics: Metrics; log: Logger }): Webhooks {
  const { config, database, metrics, log } = deps;
  const isOpen = config.WEBHOOK_ALLOW_PRIVATE;
  let isStopping = false;
  const egress = createEgress({
    resolve: isOpen ? resolveBySystem : (host) => lookUpAddresses(host),
    isForbidden: isOpen ? () => false : isForbiddenAddress,
    allowHttp: config.WEBHOOK_ALLOW_HTTP,
  });
  const acks = new AckLane({ database, clock: systemClock, log, observe: () => undefined });
  const attempts: AttemptDeps = {
    database,
    egress,
    openSecret: createWebhookSecrets(config.SECRET_KEYS).open,
    ack: (command) => acks.ack(command),
    metrics,
    log,
    isStopping: () => isStopping,
  };
  const watch = createDeadLetterWatch({ database, metrics, log, alertAt: config.WEBHOOK_DEAD_LETTERS_ALERT });
  const first = startFirstAttempts(attempts, watch);
  const intents = startIntentRelay({
    database,
    agents: createAgentReader(database),
    publicBaseUrl: config.PUBLIC_BASE_URL,
    metrics,
    log,
    wake: first.wake,
  });
  return {
    attempts,
    wake: first.wake,
    stop: async () => {
      isStopping = true;
      const cut = setTimeout(() => void egress.close(), DRAIN_MS);
      await Promise.all([intents.stop(), first.stop()]);
      clearTimeout(cut);
      await egress.close();
      await acks.idle();
    },
  };
}
