import type { TurnActivities } from '../../activities/turn';
import { turnId } from '../../workflows/messages/turn';
import { saveHistory } from '../support/histories';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { SdkAgent } from '../support/sdk';
import { useSkippedTime } from '../support/skipped-time';
import { useTurnRig } from '../support/turn-rig';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Records what the flow of a turn does; run by `npm run histories`. */
describe('histories of real processes', () => {
  const { stack, database, client, url } = useStack();

  async function save(executionId: string, behaviour: string): Promise<void> {
    const workflowId = turnId(executionId);
    await waitFor(async () => (await client.workflow.getHandle(workflowId).describe()).status.name !== 'RUNNING');
    await saveHistory({ address: stack.temporalAddress, namespace: stack.namespace }, workflowId, `turn/${behaviour}`);
  }

  test('turn: answered, cancelled by its caller, cancelled by an operator', async () => {
    const [user, echo] = await Promise.all([signInUser(stack), startEcho(database, url())]);
    await save((await user.chat(echo, 'Hi')).body.execution_id, 'answered');
    echo.disconnect();

    const silent = await SdkAgent.create(database, url());
    await silent.connect();
    const cancelled = async (behaviour: string, cancel: (user: GatewayUser, id: string) => Promise<unknown>) => {
      const user = await signInUser(stack);
      const waiting = user.chat(silent, behaviour);
      const { _id: id } = await waitFor(() => database.gatewayExecutions.findOne({ message: behaviour }));
      await waitFor(() => client.workflow.getHandle(turnId(id)).describe());
      await cancel(user, id);
      expect((await waiting).status).toBe(409);
      await save(id, behaviour);
    };
    await cancelled('cancelled-by-operator', (_, id) => client.workflow.getHandle(turnId(id)).cancel());
    await cancelled('cancelled', (user, id) =>
      user.call('POST', `/api/agents/${silent.handle}/executions/${id}/terminate`),
    );
    silent.disconnect();
  });
});

describe('histories of timers', () => {
  const time = useSkippedTime();
  const rig = useTurnRig(time);

  test('turn: at its deadline, detached, handed over late, told late, through an outage', async () => {
    let failures = 0;
    const advanceTurn: TurnActivities['advanceTurn'] = (input) =>
      (failures -= 1) >= 0 ? Promise.reject(new Error('no database')) : rig.activities.advanceTurn(input);
    await time.withWorker({ ...rig.activities, advanceTurn }, async () => {
      const save = (executionId: string, behaviour: string) =>
        saveHistory(time.server, turnId(executionId), `turn/${behaviour}`);
      const first = await rig.ask('first');
      const second = await rig.ask('second', { session: first.session, waitMs: 60_000 });
      await time.skip(200_000);
      await rig.answer(first, 'to the first', false);
      expect(await first.flow.result()).toMatchObject({ status: 'completed' });
      await save(first.execution._id, 'detached');
      expect(await second.flow.result()).toMatchObject({ status: 'failed' });
      await save(second.execution._id, 'handed-over-late');

      failures = 3;
      const third = await rig.ask('third');
      expect(await third.flow.result()).toMatchObject({ status: 'failed' });
      await save(third.execution._id, 'deadline');
    });
  });
});
