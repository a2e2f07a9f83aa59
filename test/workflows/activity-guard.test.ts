import { ApplicationFailure } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { MongoNetworkError, MongoServerError } from 'mongodb';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { createActivityGuard } from '../../worker/activity-guard';
import { accountDeletionId } from '../../workflows/messages/account-deletion';
import { traceOf } from '../support/flow-traces';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';

const PRIVATE = 'private words of a message';
/** As the driver words it: the document is in the message. */
const quoting = new MongoServerError({ message: `E11000 dup key: { content: "${PRIVATE}" }`, code: 11000 });

type Context = Parameters<ReturnType<typeof createActivityGuard>>[0];

/** Runs one failing run of an activity through the guard. @returns what goes into the history, and what was logged */
async function failWith(error: unknown, attempt = 1) {
  const lines: [string, Record<string, unknown>][] = [];
  const log = createLogger('test', 'silent');
  for (const level of ['info', 'warn', 'error'] as const) {
    log[level] = (line: unknown) => void lines.push([level, line as Record<string, unknown>]);
  }
  const metrics = createMetrics();
  const info = {
    activityType: 'closeSockets',
    attempt,
    workflowType: 'accountDeletion',
    workflowExecution: { workflowId: 'account-deletion-agt_1', runId: 'run-1' },
  };
  const { inbound } = createActivityGuard({ log, metrics })({ info } as unknown as Context);
  const failing = () => Promise.reject(error as Error);
  const failure: unknown = await inbound
    ?.execute?.({ args: [], headers: {} }, failing)
    .catch((thrown: unknown) => thrown);
  return { failure, lines, counted: await metrics.activityFailures.get() };
}

describe('the guard around activities', () => {
  test.each([
    ['an outage', new MongoNetworkError(PRIVATE), 'the database is out of reach', 'outage', 'warn'],
    ['a refusal of the database', quoting, 'unexpected: MongoServerError 11000', 'unexpected', 'error'],
    ['a fault of the program', new TypeError(PRIVATE), 'unexpected: TypeError', 'unexpected', 'error'],
  ])('%s is named for what it is, and quotes nothing', async (_, error, message, kind, level) => {
    const { failure, lines, counted } = await failWith(error);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ message, nonRetryable: false, cause: undefined });
    expect(lines).toEqual([
      [
        level,
        expect.objectContaining({
          event: 'activity.failed',
          kind,
          activity: 'closeSockets',
          attempt: 1,
          workflowType: 'accountDeletion',
          workflowId: 'account-deletion-agt_1',
          runId: 'run-1',
        }),
      ],
    ]);
    expect(counted.values).toEqual([expect.objectContaining({ labels: { activity: 'closeSockets', kind }, value: 1 })]);
  });

  test('what an activity says itself, and the end of its run, go on as they are', async () => {
    for (const error of [ApplicationFailure.nonRetryable('gone', 'NOT_FOUND'), new CancelledFailure('called off')]) {
      const { failure, lines } = await failWith(error);
      expect(failure).toBe(error);
      expect(lines.map(([level]) => level)).toEqual([error instanceof CancelledFailure ? 'info' : 'warn']);
    }
  });

  test('the fifth failure in a row is an error, whatever its kind', async () => {
    const levels = await Promise.all(
      [4, 5].map(async (n) => (await failWith(new MongoNetworkError('x'), n)).lines[0]?.[0]),
    );
    expect(levels).toEqual(['warn', 'error']);
  });
});

describe('what Temporal is told of an activity that fails', () => {
  const time = useSkippedTime();

  test('no word of what the driver quotes: operators read it in the UI', async () => {
    let isMended = false;
    const done = () => Promise.resolve();
    const closeSockets = () => (isMended ? done() : Promise.reject(quoting));
    const rest = { dropWebhooks: done, burnPendings: done, hideFromContactBooks: done };
    const activities = { closeSockets, ...rest, cancelInvitations: done, removeAvatar: done, dropMutes: done };
    await time.withWorker(activities, async () => {
      const input = { agentId: 'agt_1', handle: 'gone', hasSearchAttributes: false };
      const flow = await time.start('accountDeletion', accountDeletionId('agt_1'), [input]);
      const told = await waitFor(async () => (await flow.describe()).raw.pendingActivities?.[0]?.lastFailure);
      isMended = true;
      expect(told.message).toBe('unexpected: MongoServerError 11000');
      expect(JSON.stringify(told)).not.toContain('private words');
      await flow.result();
      expect((await traceOf(flow)).includes('private words')).toBe(false);
    });
  });
});
