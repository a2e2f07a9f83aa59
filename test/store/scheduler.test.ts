import type { LaneWaiting } from '../../store/sending/batch-runner';
import type { LaneItem } from '../../store/sending/items';
import { Reservations } from '../../store/sending/reservations';
import { Line, type Limits } from '../../store/sending/scheduler';
import { waitFor } from '../support/wait';

const LIMITS: Limits = {
  batchMax: 4,
  documentsMax: 10,
  runningMax: 2,
  queuedMax: 100,
  queuedPerTenantMax: 50,
  queuedBytesMax: 1_000_000,
  reservesAhead: false,
};

/** What the scheduler knows of an item: whose it is and which documents it writes. */
interface Job {
  tenant: string;
  ids: string[];
}

/** Items that wait for ever would be callers without an answer: no error, no log, nothing. */
describe('the turns of items that write the same documents', () => {
  /** Two lines over one set of reservations; batches end when the test says so. */
  function lines() {
    const running: { jobs: Job[]; end: (again?: boolean) => void }[] = [];
    const reservations = new Reservations();
    // The scheduler passes items on without a look into them: here they are jobs.
    const jobOf = (item: LaneItem) => item as unknown as Job;
    const newLine = (limits: Limits): Line =>
      new Line(
        {
          limits,
          tenantOf: (item) => jobOf(item).tenant,
          guardIdsOf: (item) => jobOf(item).ids,
          documentsOf: () => 1,
          run: (waiting: LaneWaiting[]) =>
            new Promise((resolve) => {
              const end = (again = false): void => {
                if (!again) for (const one of waiting) one.resolve({ kind: 'decided', isEarlier: false });
                resolve({ again: again ? waiting : [], pause: () => Promise.resolve() });
              };
              running.push({ jobs: waiting.map(({ command }) => jobOf(command)), end });
            }),
        },
        reservations,
        (ids) => {
          singles.wake(ids);
          groups.wake(ids);
        },
      );
    const singles = newLine(LIMITS);
    const groups = newLine({ ...LIMITS, reservesAhead: true });
    const submit = (line: Line, job: Job) => line.submit(job as unknown as LaneItem, 1);
    /** Waits until a batch with this job runs, and takes it out. */
    const batchOf = async (job: Job) => {
      await waitFor(() => running.some(({ jobs }) => jobs.includes(job)), { timeoutMs: 2_000 });
      const [batch] = running.splice(
        running.findIndex(({ jobs }) => jobs.includes(job)),
        1,
      );
      if (batch === undefined) throw new Error('no such batch');
      return batch;
    };
    /** Everything that was submitted to the line before had its turn: an item that nothing stops went by. */
    const pass = async (line: Line) => {
      const free: Job = { tenant: 'free', ids: [] };
      const passing = submit(line, free);
      (await batchOf(free)).end();
      return [passing];
    };
    return { singles, groups, submit, batchOf, pass };
  }

  test('an item back from a conflict goes on although the next of its group reserves the same documents', async () => {
    const { singles, groups, submit, batchOf } = lines();
    const first: Job = { tenant: 'g', ids: ['group', 'x'] };
    const second: Job = { tenant: 'g', ids: ['group', 'x', 'y'] };
    const single: Job = { tenant: 's', ids: ['y'] };
    const done = [submit(groups, first)];
    const conflicted = await batchOf(first);
    done.push(submit(singles, single), submit(groups, second));
    const blocking = await batchOf(single);
    conflicted.end(true);
    (await batchOf(first)).end();
    blocking.end();
    (await batchOf(second)).end();
    await Promise.all(done);
  });

  test('whoever waits for a document that a fan-out reserved and then does not need goes on', async () => {
    const { singles, groups, submit, batchOf, pass } = lines();
    const holder: Job = { tenant: 'h', ids: ['a'] };
    const fanOut: Job = { tenant: 'g', ids: ['a', 'left'] };
    const waiting: Job = { tenant: 'w', ids: ['left'] };
    const done = [submit(singles, holder)];
    const held = await batchOf(holder);
    done.push(submit(groups, fanOut));
    // The fan-out is parked and has both documents reserved when the next item comes.
    done.push(...(await pass(groups)));
    done.push(submit(singles, waiting), ...(await pass(singles)));
    fanOut.ids = ['a'];
    held.end();
    const fanned = await batchOf(fanOut);
    (await batchOf(waiting)).end();
    fanned.end();
    await Promise.all(done);
  });

  test('a fan-out is not overtaken for ever by single items of its members', async () => {
    const { singles, groups, submit, batchOf, pass } = lines();
    const one: Job = { tenant: '1', ids: ['a'] };
    const other: Job = { tenant: '2', ids: ['b'] };
    const fanOut: Job = { tenant: 'g', ids: ['a', 'b'] };
    const later: Job = { tenant: '3', ids: ['a'] };
    const done = [submit(singles, one)];
    const first = await batchOf(one);
    done.push(submit(singles, other));
    const second = await batchOf(other);
    done.push(submit(groups, fanOut), ...(await pass(groups)));
    done.push(submit(singles, later));
    first.end();
    second.end();
    (await batchOf(fanOut)).end();
    (await batchOf(later)).end();
    await Promise.all(done);
  });
});
