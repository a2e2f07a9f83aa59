import { randomUUID } from 'node:crypto';
import { isDelivered } from '../domain/webhook-attempt';
import type { AttemptCounts } from '../domain/webhook-health';
import type { Lease, Leased, LeaseInput } from '../store/webhooks/attempts/leases';
import { recordAttempts, type AttemptResult } from '../store/webhooks/attempts/record-attempts';
import { attempt, type AttemptDeps } from './attempt';
import { retry } from '../platform/retry';

/** Where the attempts of one endpoint come from, and how many may be on the wire. */
export interface PumpSource {
  webhookId: string;
  lease: (input: LeaseInput) => Promise<Leased>;
  /** How many more may start while this many are on the wire; 0 = no more. */
  room: (inFlight: number, started: number) => number;
  /** The time that attempts are signed and recorded with. */
  now: () => Date;
  /** Called after each step: something is still going on. */
  onStep?: () => void;
}

/** Tries to record a result before it is left to the end of its lease. */
const RECORD_TRIES = 5;
const RECORD_PAUSE_MS = 500;

/**
 * Attempts deliveries of one endpoint side by side: records those that ended together in one commit, leases as many as
 * there is room for, until nothing is left. One loop per endpoint and process, so that its own writes never conflict.
 */
export class EndpointPump {
  readonly counts: AttemptCounts = { attempted: 0, delivered: 0, dead: 0 };
  private inFlight = 0;
  private finished: { lease: Lease; result: AttemptResult }[] = [];
  private isAsked = true;
  private wakeUp: () => void = () => undefined;
  /** Runs while the endpoint's rate limit makes what is there wait. */
  private pacing: NodeJS.Timeout | null = null;

  constructor(
    private readonly deps: AttemptDeps,
    private readonly source: PumpSource,
  ) {}

  /** There may be something new. */
  wake(): void {
    this.isAsked = true;
    this.wakeUp();
  }

  /** @param onEnd called in the same turn in which the loop ends, so that a later wake starts a new one */
  async run(onEnd: () => void = () => undefined): Promise<AttemptCounts> {
    try {
      for (;;) {
        await this.record();
        await this.start();
        this.source.onStep?.();
        if (this.isIdle()) return this.counts;
        await this.untilChanged();
      }
    } finally {
      this.stopPacing();
      onEnd();
    }
  }

  private isIdle(): boolean {
    return this.inFlight === 0 && this.finished.length === 0 && !this.isAsked && this.pacing === null;
  }

  private async start(): Promise<void> {
    this.isAsked = false;
    this.stopPacing();
    const count = this.source.room(this.inFlight, this.counts.attempted);
    if (count <= 0) return;
    const { leases, pacedUntil } = await this.lease(count);
    for (const leased of leases) {
      this.inFlight += 1;
      this.counts.attempted += 1;
      void this.attempt(leased);
    }
    if (pacedUntil !== undefined) this.wakeAt(pacedUntil);
  }

  private wakeAt(time: Date): void {
    const onTime = (): void => {
      this.pacing = null;
      this.wake();
    };
    this.pacing = setTimeout(onTime, Math.max(1, time.getTime() - Date.now()));
  }

  private stopPacing(): void {
    if (this.pacing !== null) clearTimeout(this.pacing);
    this.pacing = null;
  }

  /** A database that is away must not take the results of what is on the wire with it: none now, the sweep comes again. */
  private async lease(count: number): Promise<Leased> {
    const { webhookId, lease, now } = this.source;
    try {
      return await lease({ webhookId, count, newToken: randomUUID, now: now() });
    } catch (error) {
      this.deps.log.warn({ event: 'webhook.not_claimed', webhookId, err: error });
      return { leases: [], refused: false };
    }
  }

  private async attempt(lease: Lease): Promise<void> {
    const { delivery, batch, token } = lease;
    const attempted = await attempt(this.deps, lease, this.source.now());
    const at = this.source.now();
    const of = { deliveryId: delivery._id, event: delivery.event, attempt: delivery.attempts, token };
    const others = batch?.slice(1).map(({ _id }) => _id);
    const result = { ...of, ...(others === undefined ? {} : { others }), ...attempted, at, random: Math.random() };
    this.finished.push({ lease, result });
    this.inFlight -= 1;
    this.wake();
  }

  /**
   * Envelopes before deliveries: dying in between repeats an attempt, which finds its envelope delivered. The other way
   * round, sync would offer for ever what the receiver has.
   */
  private async record(): Promise<void> {
    const done = this.finished.splice(0);
    if (done.length === 0) return;
    const write = async (): Promise<void> => {
      await this.ackEnvelopes(done);
      await this.recordResults(done.map(({ result }) => result));
    };
    const onFailure = (error: unknown): void =>
      this.deps.log.warn({ event: 'webhook.not_recorded', webhookId: this.source.webhookId, err: error });
    const pauseMs = (tries: number): number => RECORD_PAUSE_MS * tries;
    await retry(write, { triesMax: RECORD_TRIES, pauseMs, onFailure }).catch(onFailure);
  }

  private async recordResults(results: AttemptResult[]): Promise<void> {
    const { webhookId } = this.source;
    const { verdicts, opened, gone } = await recordAttempts(this.deps.database, webhookId, results);
    const { log, metrics } = this.deps;
    const dead = verdicts.filter((to) => to === 'dead').length;
    this.counts.delivered += verdicts.filter((to) => to === 'delivered').length;
    this.counts.dead += dead;
    metrics.webhookDeadLetters.inc(dead);
    if (dead > 0) log.warn({ event: 'webhook.dead_letter', webhookId, count: dead });
    if (opened) metrics.webhookCircuitsOpened.inc();
    if (opened) log.warn({ event: 'webhook.circuit_open', webhookId });
    if (gone) log.warn({ event: 'webhook.gone', webhookId });
  }

  private async ackEnvelopes(done: { lease: Lease; result: AttemptResult }[]): Promise<void> {
    const delivered = done
      .filter(({ result }) => isDelivered(result.outcome))
      .flatMap(({ lease: { batch, delivery } }) => batch ?? [delivery]);
    const positions = delivered.flatMap(({ position }) => position ?? []);
    const recipientId = delivered[0]?.agentId;
    if (positions.length === 0 || recipientId === undefined) return;
    // A webhook belongs to one agent: one ack for all of them.
    await this.deps.ack({ recipientId, positions, deliveredAt: new Date() });
  }

  /** Resolves at the next wake, at once when there is something to lease or to record since the last look. */
  private untilChanged(): Promise<void> {
    if (this.isAsked || this.finished.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.wakeUp = resolve;
    });
  }
}
