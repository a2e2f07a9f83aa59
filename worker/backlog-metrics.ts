import { Gauge, type Registry } from 'prom-client';
import type { Flows } from '../platform/flows/flows';
import type { Logger } from '../platform/logger';
import { outboxAge } from '../store/outbox/outbox-age';
import type { Database } from '../store/schema/database';

interface BacklogDeps {
  database: Database;
  flows: Pick<Flows, 'countFlows'>;
  registry: Registry;
  log: Logger;
}

/** Temporal is not asked more often, however many scrape. */
const COUNTS_AGE_MS = 30_000;

/**
 * What waits in the whole installation, read at a scrape: `agentchat_outbox_oldest_seconds` by kind, `agentchat_flows` by flow
 * and state. Every worker shows the same; take the maximum. Where a read fails the figure is absent, the others are served.
 */
export function exposeBacklog({ database, flows, registry, log }: BacklogDeps): void {
  const failed = (error: unknown): [] => {
    log.warn({ event: 'metrics.incomplete', err: error });
    return [];
  };
  let counts = { at: -Infinity, read: Promise.resolve<Awaited<ReturnType<typeof flows.countFlows>>>([]) };
  new Gauge({
    name: 'agentchat_outbox_oldest_seconds',
    help: 'Age of the oldest row of the outbox, by kind; absent when there is none',
    labelNames: ['kind'],
    registers: [registry],
    async collect() {
      const ages = await outboxAge(database, new Date()).catch(failed);
      this.reset();
      for (const { kind, seconds } of ages) this.set({ kind }, seconds);
    },
  });
  new Gauge({
    name: 'agentchat_flows',
    help: 'Flows that Temporal keeps, by type and state',
    labelNames: ['flow', 'status'],
    registers: [registry],
    async collect() {
      if (performance.now() - counts.at > COUNTS_AGE_MS) {
        counts = { at: performance.now(), read: flows.countFlows().catch(failed) };
      }
      const counted = await counts.read;
      this.reset();
      for (const { flow, status, count } of counted) this.set({ flow, status }, count);
    },
  });
}
