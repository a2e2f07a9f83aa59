import type { CodeActivities, RecoveryMail } from '../../activities/code-by-mail';
import type { SocketActivities } from '../../activities/sockets';
import {
  askedSignal,
  beginUpdate,
  committedSignal,
  stateQuery,
  verifyUpdate,
} from '../../workflows/messages/code-by-mail';
import type { recovery } from '../../workflows/recovery';
import type { rotation } from '../../workflows/rotation';
import { useSkippedTime } from '../support/skipped-time';
import { waitFor } from '../support/wait';

describe('the timers and tries of key recovery and rotation', () => {
  let flows = 0;
  /** What the mail activity answers, one after the other; the last for ever. Times at which it was asked. */
  let answers: (RecoveryMail | Error)[] = [];
  let asked: number[] = [];
  /** Which mail each was, and which try each comparison. */
  let asks: (number | undefined)[] = [];
  let attempts: (number | undefined)[] = [];
  let closed: object[] = [];
  let removed: string[] = [];

  /** Typed stand-ins for another concern: the mail and the store are tested with the real ones in test/api. */
  const activities: CodeActivities & SocketActivities = {
    mailCode: () => Promise.resolve({ kind: 'mailed' }),
    mailRecoveryCode: ({ now, ask }) => {
      asked.push(now);
      asks.push(ask);
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? { kind: 'mailed' };
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    checkProof: (given) => {
      attempts.push(given.attempt);
      return Promise.resolve(given.proof === 'right');
    },
    withdrawCode: () => Promise.resolve(),
    closePending: ({ pendingId }) => {
      removed.push(pendingId);
      return Promise.resolve();
    },
    closeSockets: (order) => {
      closed.push(order);
      return Promise.resolve();
    },
  };

  const time = useSkippedTime();
  beforeEach(() => {
    [answers, asked, closed, removed] = [[{ kind: 'mailed' }], [], [], []];
    [asks, attempts] = [[], []];
  });

  const run = <T>(body: () => Promise<T>): Promise<T> => time.withWorker(activities, body);
  const input = (handle: string | null) => ({ pendingId: `key-${(flows += 1)}`, handle, hasSearchAttributes: false });
  const startRecovery = (handle: string | null = 'timer-agent') => {
    const given = input(handle);
    return time.start<typeof recovery>('recovery', `recovery:${given.pendingId}`, [given]);
  };
  const startRotation = () => {
    const given = input('timer-agent');
    return time.start<typeof rotation>('rotation', `rotation:${given.pendingId}`, [given]);
  };
  const soon = async () => ({ args: [{ answerBy: (await time.nowMs()) + 4_000 }] as [{ answerBy: number }] });
  const proof = (value: string) => ({ args: [{ proof: value }] as [{ proof: string }] });

  test('identity#9: a recovery takes a code until 600 s after it was asked for', async () => {
    await run(async () => {
      const flow = await startRecovery();
      await time.skip(599_000);
      expect(await flow.executeUpdate(verifyUpdate, proof('right'))).toEqual({ kind: 'consumed' });
      await flow.signal(committedSignal, { agentId: 'agt_1', keyVersion: 2 });
      expect(await flow.result()).toEqual({ outcome: 'verified', attempts: 1 });
      expect(closed).toEqual([{ agentId: 'agt_1', reason: 'API key rotated', keyVersion: 2 }]);
      const late = await startRecovery();
      await time.skip(601_000);
      await expect(late.executeUpdate(verifyUpdate, proof('right'))).rejects.toThrow();
      expect(await late.result()).toEqual({ outcome: 'expired', attempts: 0 });
      expect(removed).toHaveLength(2);
    });
  });

  test('identity#15: a mail that a cooldown holds back goes out when it ends, and tries count meanwhile', async () => {
    answers = [
      { kind: 'cooldown', retryAfterMs: 50_000 },
      { kind: 'cooldown', retryAfterMs: 5_000 },
      { kind: 'mailed' },
    ];
    await run(async () => {
      const flow = await startRecovery();
      await waitFor(async () => (await flow.query(stateQuery)).mail === 'held');
      expect(await flow.executeUpdate(verifyUpdate, proof('wrong'))).toEqual({ kind: 'wrong' });
      await time.skip(56_000);
      await waitFor(async () => (await flow.query(stateQuery)).mail === 'sent');
      expect(asked).toHaveLength(3);
      expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(50_000);
      expect((asked[2] ?? 0) - (asked[1] ?? 0)).toBeGreaterThanOrEqual(5_000);
      expect(await flow.query(stateQuery)).toEqual({ stage: 'waiting_for_code', attempts: 1, mail: 'sent' });
      expect(await flow.result()).toEqual({ outcome: 'expired', attempts: 1 });
    });
  });

  test('identity#32: asked for again, a recovery mails once more; the same number again asks for nothing', async () => {
    await run(async () => {
      const flow = await startRecovery();
      await waitFor(() => asks.length === 1);
      for (const ask of [1, 2, 2, 1]) await flow.signal(askedSignal, { ask });
      await waitFor(() => asks.length === 2);
      expect(await flow.executeUpdate(verifyUpdate, proof('wrong'))).toEqual({ kind: 'wrong' });
      await flow.signal(askedSignal, { ask: 3 });
      await waitFor(async () => (await flow.query(stateQuery)).attempts === 1 && asks.length === 3);
      expect(await flow.executeUpdate(verifyUpdate, proof('right'))).toEqual({ kind: 'consumed' });
      await flow.signal(askedSignal, { ask: 4 });
      await flow.signal(committedSignal, { agentId: 'agt_1', keyVersion: 2 });
      expect(await flow.result()).toEqual({ outcome: 'verified', attempts: 2 });
      expect(asks).toEqual([1, 2, 3]);
      expect(attempts).toEqual([1, 2]);
    });
  });

  test('an ask that comes while the mail is held back is served by it', async () => {
    answers = [{ kind: 'cooldown', retryAfterMs: 50_000 }, { kind: 'mailed' }];
    await run(async () => {
      const flow = await startRecovery();
      await waitFor(async () => (await flow.query(stateQuery)).mail === 'held');
      await flow.signal(askedSignal, { ask: 2 });
      expect(await flow.result()).toMatchObject({ outcome: 'expired' });
      expect(asks).toEqual([1, 2]);
    });
  });

  test('a recovery that is burned while its mail is held back never mails', async () => {
    answers = [{ kind: 'cooldown', retryAfterMs: 50_000 }, { kind: 'mailed' }];
    await run(async () => {
      const flow = await startRecovery();
      await waitFor(async () => (await flow.query(stateQuery)).mail === 'held');
      for (let tries = 1; tries <= 5; tries += 1) await flow.executeUpdate(verifyUpdate, proof('wrong'));
      expect(await flow.executeUpdate(verifyUpdate, proof('right'))).toEqual({ kind: 'exhausted' });
      expect(await flow.result()).toEqual({ outcome: 'exhausted', attempts: 6 });
      expect(asked).toHaveLength(1);
    });
  });

  test('a mail system that does not accept the code is asked again for ten minutes; the tries go on', async () => {
    answers = [new Error('no'), new Error('no'), { kind: 'mailed' }];
    await run(async () => {
      const flow = await startRecovery();
      await time.skip(20_000);
      await waitFor(async () => (await flow.query(stateQuery)).mail === 'sent');
      expect(await flow.result()).toMatchObject({ outcome: 'expired' });
      answers = [new Error('no')];
      const other = await startRecovery();
      expect(await other.executeUpdate(verifyUpdate, proof('wrong'))).toEqual({ kind: 'wrong' });
      expect(await other.result()).toEqual({ outcome: 'expired', attempts: 1 });
      expect(asked.length).toBeGreaterThan(10);
    });
  });

  test.each([{ kind: 'no_mail' }, { kind: 'hourly_cap', retryAfterMs: 9_000 }] as const)(
    'identity#14: a decoy and a capped email wait for codes as long as anybody: %j',
    async (answer) => {
      answers = [answer];
      await run(async () => {
        const flow = await startRecovery(answer.kind === 'no_mail' ? null : 'timer-agent');
        for (let tries = 1; tries <= 4; tries += 1) {
          expect(await flow.executeUpdate(verifyUpdate, proof('wrong'))).toEqual({ kind: 'wrong' });
        }
        expect(await flow.result()).toEqual({ outcome: 'expired', attempts: 4 });
        expect(asked).toHaveLength(1);
      });
    },
  );

  test('a right code without a commit within two minutes: start over, and no socket is closed', async () => {
    await run(async () => {
      for (const start of [startRecovery, startRotation]) {
        const flow = await start();
        if (start === startRotation) await flow.executeUpdate(beginUpdate, await soon());
        expect(await flow.executeUpdate(verifyUpdate, proof('right'))).toEqual({ kind: 'consumed' });
        expect(await flow.executeUpdate(verifyUpdate, proof('right'))).toEqual({ kind: 'expired' });
        expect(await flow.result()).toMatchObject({ outcome: 'start_over' });
      }
      expect(closed).toEqual([]);
    });
  });

  test('a rotation waits 600 s for the code and 30 s for its caller, then closes the old sockets', async () => {
    await run(async () => {
      const flow = await startRotation();
      expect(await flow.executeUpdate(beginUpdate, await soon())).toEqual({ kind: 'mailed' });
      await time.skip(599_000);
      expect(await flow.executeUpdate(verifyUpdate, proof('right'))).toEqual({ kind: 'consumed' });
      await flow.signal(committedSignal, { agentId: 'agt_2', keyVersion: 7 });
      expect(await flow.result()).toMatchObject({ outcome: 'verified' });
      expect(closed).toEqual([{ agentId: 'agt_2', reason: 'API key rotated', keyVersion: 7 }]);
      const late = await startRotation();
      await late.executeUpdate(beginUpdate, await soon());
      expect(await late.result()).toMatchObject({ outcome: 'expired' });
      expect(await (await startRotation()).result()).toMatchObject({ outcome: 'abandoned' });
    });
  });
});
