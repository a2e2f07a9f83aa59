import { CannotStart } from './cannot-start';
import type { Logger } from './logger';
import { retry } from './retry';

/**
 * Runs `stop` once on SIGTERM or SIGINT and exits. After
 * `deadlineMs` it exits anyway: whatever was accepted is safe in the database.
 */
export function stopOnSignal(log: Logger, deadlineMs: number, stop: () => Promise<void>): void {
  let isStopping = false;
  onSignal = (signal) => {
    if (isStopping) return;
    isStopping = true;
    log.info({ event: 'process.stopping', signal });
    setTimeout(() => process.exit(1), deadlineMs).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ event: 'process.stop_failed', err: error });
        process.exit(1);
      },
    );
  };
}

/** A process that has not begun to serve has nothing to put in order. */
let onSignal: (signal: string) => void = () => process.exit(0);

/**
 * Hears SIGTERM and SIGINT from the first line on: as the first process of a container, which has no default for them, one
 * that still waits for its database could only be killed.
 */
export function hearSignals(): void {
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => onSignal(signal));
}

/**
 * A bug that nobody caught leaves unknown state: say so and let the supervisor start afresh. What the operator has to
 * mend is one line.
 */
export function crashLoudly(log: Logger): void {
  const crash = (error: unknown): void => {
    if (error instanceof CannotStart) {
      console.error(error.message);
      process.exit(1);
    }
    log.fatal({ event: 'process.crashed', err: error });
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

/**
 * Waits until `attempt` succeeds, e.g. for a database that starts at the same time as we do.
 * @throws CannotStart, which no waiting mends
 */
export async function untilReady(log: Logger, what: string, attempt: () => Promise<void>): Promise<void> {
  await retry(attempt, {
    isWorthIt: (error) => !(error instanceof CannotStart),
    pauseMs: (tries) => Math.min(5_000, 250 * tries),
    onFailure: (error, tries) => log.warn({ event: 'process.waiting', what, tries, err: error }),
  });
}
