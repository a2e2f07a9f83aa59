import type { CodeActivities } from '../../activities/code-by-mail';
import {
  beginUpdate,
  committedSignal,
  stateQuery,
  verifyUpdate,
  type BeginAnswer,
} from '../../workflows/messages/code-by-mail';
import type { registration } from '../../workflows/registration';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';
import { createGate } from '../support/gate';

describe('the timers and tries of a registration', () => {
  let mails = 0;
  let withdrawn = 0;
  let answer: BeginAnswer = { kind: 'mailed' };
  let flows = 0;
  /** What the next mail, or the next removal of a pending, waits for. */
  let held: { mail?: Promise<void>; closing?: Promise<void> } = {};

  /** Typed stand-ins for another concern: the mail and the store are tested with the real ones in test/api. */
  const activities: CodeActivities = {
    mailCode: async () => {
      mails += 1;
      await held.mail;
      return answer;
    },
    withdrawCode: () => {
      withdrawn += 1;
      return Promise.resolve();
    },
    mailRecoveryCode: () => Promise.reject(new Error('a registration mails when asked')),
    checkProof: ({ proof }) => Promise.resolve(proof === 'right'),
    closePending: async () => {
      await held.closing;
    },
  };

  const time = useSkippedTime();
  beforeEach(() => {
    mails = 0;
    withdrawn = 0;
    answer = { kind: 'mailed' };
    held = {};
  });

  const run = <T>(body: (start: typeof startFlow) => Promise<T>): Promise<T> =>
    time.withWorker(activities, () => body(startFlow));

  function startFlow(type: 'registration' | 'signIn' = 'registration') {
    const pendingId = `test-${(flows += 1)}`;
    const handle = type === 'registration' ? 'timer-agent' : null;
    const input = { pendingId, handle, hasSearchAttributes: false };
    // The flows that mail when asked have one shape: the type of one serves for all.
    return time.start<typeof registration>(type, `${type}:${pendingId}`, [input]);
  }

  const soon = async () => ({
    args: [{ answerBy: (await time.nowMs()) + 4_000 }] as [{ answerBy: number }],
  });

  test.each([
    ['identity#9', 'registration', 599, 'consumed', 'start_over'],
    ['identity#9', 'registration', 601, null, 'expired'],
    ['dashboard#1', 'signIn', 599, 'consumed', 'start_over'],
    ['dashboard#1', 'signIn', 601, null, 'expired'],
  ] as const)('%s: %s: a right code %s seconds after the mail', async (_id, type, wait, verdict, outcome) => {
    await run(async (start) => {
      const flow = await start(type);
      expect(await flow.executeUpdate(beginUpdate, await soon())).toEqual({ kind: 'mailed' });
      await time.skip(wait * 1_000);
      const given = flow.executeUpdate(verifyUpdate, { args: [{ proof: 'right' }] });
      if (verdict === null) await expect(given).rejects.toThrow();
      else expect(await given).toEqual({ kind: verdict });
      expect(await flow.result()).toMatchObject({ outcome });
    });
  });

  test('identity#8: five tries are compared, the sixth burns the pending even when right', async () => {
    await run(async (start) => {
      const flow = await start();
      await flow.executeUpdate(beginUpdate, await soon());
      for (let tries = 1; tries <= 5; tries += 1) {
        expect(await flow.executeUpdate(verifyUpdate, { args: [{ proof: 'wrong' }] })).toEqual({ kind: 'wrong' });
      }
      expect(await flow.executeUpdate(verifyUpdate, { args: [{ proof: 'right' }] })).toEqual({ kind: 'exhausted' });
      expect(await flow.result()).toEqual({ outcome: 'exhausted', attempts: 6 });
    });
  });

  test('identity#7: of parallel right codes one wins, and the commit ends the flow as verified', async () => {
    await run(async (start) => {
      const flow = await start();
      await flow.executeUpdate(beginUpdate, await soon());
      const verdicts = await Promise.all(
        [1, 2, 3].map(() => flow.executeUpdate(verifyUpdate, { args: [{ proof: 'right' }] })),
      );
      expect(verdicts.map(({ kind }) => kind).sort()).toEqual(['consumed', 'expired', 'expired']);
      await flow.signal(committedSignal, { agentId: 'agt_test', keyVersion: 1 });
      expect(await flow.result()).toMatchObject({ outcome: 'verified' });
    });
  });

  test('a begin that comes after its time mails nothing', async () => {
    await run(async (start) => {
      const flow = await start();
      const answerBy = (await time.nowMs()) - 1;
      expect(await flow.executeUpdate(beginUpdate, { args: [{ answerBy }] })).toEqual({ kind: 'too_late' });
      expect(await flow.result()).toMatchObject({ outcome: 'abandoned' });
      expect(mails).toBe(0);
    });
  });

  test('a begin that never comes ends the flow', async () => {
    await run(async (start) => {
      expect(await (await start()).result()).toMatchObject({ outcome: 'abandoned' });
    });
  });

  test('a late begin with a slow mail: the flow waits for the mail and does not end before it', async () => {
    await run(async (start) => {
      const mail = createGate();
      held = { mail: mail.isOpen };
      const flow = await start();
      await time.skip(28_000);
      const begun = await flow.startUpdate(beginUpdate, { ...(await soon()), waitForStage: 'ACCEPTED' });
      await waitFor(() => mails === 1);
      await time.skip(5_000);
      expect(await flow.query(stateQuery)).toMatchObject({ stage: 'mailing' });
      mail.open();
      expect(await begun.result()).toEqual({ kind: 'mailed' });
      expect(await flow.executeUpdate(verifyUpdate, { args: [{ proof: 'right' }] })).toEqual({ kind: 'consumed' });
      expect(await flow.result()).toMatchObject({ outcome: 'start_over' });
    });
  });

  test('a begin that comes while the flow is closing mails nothing', async () => {
    await run(async (start) => {
      const closing = createGate();
      held = { closing: closing.isOpen };
      const flow = await start();
      await time.skip(31_000);
      await waitFor(async () => (await flow.query(stateQuery)).stage === 'abandoned');
      expect(await flow.executeUpdate(beginUpdate, await soon())).toEqual({ kind: 'too_late' });
      expect(await flow.executeUpdate(verifyUpdate, { args: [{ proof: 'right' }] })).toEqual({ kind: 'expired' });
      closing.open();
      expect(await flow.result()).toMatchObject({ outcome: 'abandoned' });
      expect(mails).toBe(0);
    });
  });

  test.each([
    ['mail_failed', { kind: 'mail_failed' }],
    ['refused', { kind: 'cooldown', retryAfterMs: 5 }],
  ] as const)('the outcome %s is named', async (outcome, given) => {
    answer = given;
    await run(async (start) => {
      const flow = await start();
      expect(await flow.executeUpdate(beginUpdate, await soon())).toEqual(given);
      expect(withdrawn).toBe(1);
      expect(await flow.result()).toMatchObject({ outcome });
    });
  });
});
