import type { MongoClient } from 'mongodb';
import { Gauge, type Registry } from 'prom-client';

/**
 * Shows how a client uses its pool: `agentchat_database_connections` by state (`in_use`, `idle`) and
 * `agentchat_database_waiting`, the calls that wait for a connection. Counted as it happens, with plain numbers: calls are
 * many, scrapes are few. A pool whose waiting stays above zero is too small, or the database too slow.
 */
export function exposePool(client: MongoClient, registry: Registry): void {
  const seen = { open: 0, inUse: 0, waiting: 0 };
  client.on('connectionCreated', () => (seen.open += 1));
  client.on('connectionClosed', () => (seen.open -= 1));
  client.on('connectionCheckOutStarted', () => (seen.waiting += 1));
  client.on('connectionCheckOutFailed', () => (seen.waiting -= 1));
  client.on('connectionCheckedOut', () => {
    seen.waiting -= 1;
    seen.inUse += 1;
  });
  client.on('connectionCheckedIn', () => (seen.inUse -= 1));
  new Gauge({
    name: 'agentchat_database_connections',
    help: 'Connections of the pool of this process, by state: in_use or idle',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.set({ state: 'in_use' }, seen.inUse);
      this.set({ state: 'idle' }, Math.max(0, seen.open - seen.inUse));
    },
  });
  new Gauge({
    name: 'agentchat_database_waiting',
    help: 'Calls that wait for a connection of the pool',
    registers: [registry],
    collect() {
      this.set(seen.waiting);
    },
  });
}
