import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, type Exit } from './child';

const firstDelayMs = 250;
const delayMsMax = 10_000;

/** A process that ran this long was well; its next end starts again with the shortest delay. */
const steadyMs = 30_000;

/** A process that has to be there as long as the stack runs. */
export interface Service {
  name: string;
  /** Resolves when the process serves. Called again after each end of the process. */
  start: () => Promise<Child>;
}

interface Running {
  child: Child;
  stopped: AbortController;
}

/** Keeps processes running, and says in one line when one ended and when it is back. */
export class Supervisor {
  private readonly all = new Map<string, Running>();
  private isClosed = false;

  /** `onRestart` is called whenever a process is back under another number. */
  constructor(
    private readonly say: (line: string) => void,
    private readonly onRestart: () => void,
  ) {}

  /** The first start, whose failure is the caller's; from then on the process is started again when it ends. */
  async run(service: Service): Promise<void> {
    if (this.isClosed) throw new Error('the stack is stopping');
    const running = { child: await service.start(), stopped: new AbortController() };
    this.all.set(service.name, running);
    void this.keepRunning(service, running);
  }

  /** Ends the process for good, with SIGKILL after `graceMs`. Does nothing for a service that does not run. */
  async stop(name: string, graceMs: number): Promise<void> {
    const running = this.all.get(name);
    if (running === undefined) return;
    running.stopped.abort();
    await running.child.stop('SIGTERM', graceMs);
    this.all.delete(name);
  }

  /** No start begins after this call. */
  close(): void {
    this.isClosed = true;
  }

  /** The numbers of the processes by service name. */
  pids(): Record<string, number> {
    return Object.fromEntries([...this.all].map(([name, { child }]) => [name, child.pid]));
  }

  private async keepRunning(service: Service, running: Running): Promise<void> {
    let failures = 0;
    while (!running.stopped.signal.aborted) {
      const startedAt = Date.now();
      const exit = await running.child.exited;
      if (running.stopped.signal.aborted || this.isClosed) return;
      failures = Date.now() - startedAt > steadyMs ? 1 : failures + 1;
      this.say(`${service.name} ended (${describeExit(exit)}), starting it again`);
      const child = await this.startAgain(service, running.stopped.signal, failures);
      if (child === undefined) return;
      running.child = child;
      this.say(`${service.name} is back`);
      this.onRestart();
    }
  }

  private async startAgain(service: Service, stopped: AbortSignal, failures: number): Promise<Child | undefined> {
    for (let failed = failures; ; failed += 1) {
      const delayMs = Math.min(delayMsMax, firstDelayMs * 2 ** (failed - 1));
      await sleep(delayMs, undefined, { signal: stopped }).catch(() => undefined);
      if (stopped.aborted || this.isClosed) return undefined;
      try {
        const child = await service.start();
        if (!stopped.aborted) return child;
        await child.stop('SIGTERM', 1_000);
      } catch (error) {
        if (!stopped.aborted && !this.isClosed) this.say(`${service.name} did not start: ${firstLine(error)}`);
      }
    }
  }
}

function describeExit({ code, signal }: Exit): string {
  return signal ?? `exit code ${code}`;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
