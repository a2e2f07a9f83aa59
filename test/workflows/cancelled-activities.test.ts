import { MockActivityEnvironment } from '@temporalio/testing';
import { CancelledFailure } from '@temporalio/common';
import { proveProgress } from '../../activities/progress';

test('a long activity ends between two steps when its flow or its worker wants that', async () => {
  const environment = new MockActivityEnvironment();
  const beats: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => beats.push(details));
  const done: number[] = [];
  const work = (): Promise<never> => {
    for (let step = 1; ; step += 1) {
      done.push(step);
      if (step === 3) environment.cancel();
      proveProgress({ step });
    }
  };
  await expect(environment.run(work)).rejects.toBeInstanceOf(CancelledFailure);
  expect(done).toEqual([1, 2, 3]);
  // The step that was done last is told, too: another try goes on behind it.
  expect(beats).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }]);
});
