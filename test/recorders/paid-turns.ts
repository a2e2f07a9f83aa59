import { paidTurnId } from '../../workflows/messages/paid-turn';
import { answerRefused, answerSettled, startFacilitator } from '../support/facilitator';
import { startEcho } from '../support/gateway';
import { saveHistory } from '../support/histories';
import { createPayer, offerPaidChat, sayPaid, signPayment, termsOf } from '../support/payers';
import { SdkAgent } from '../support/sdk';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Records what the flow of a paid turn does; run by `npm run histories`. */
describe('histories of payments', () => {
  const facilitator = use(startFacilitator, (opened) => opened.close());
  const { stack, database, client, url } = useStack(() => ({ env: { X402_FACILITATOR: facilitator.url } }));

  async function save(executionId: string, behaviour: string): Promise<void> {
    const workflowId = paidTurnId(executionId);
    await waitFor(async () => (await client.workflow.getHandle(workflowId).describe()).status.name !== 'RUNNING');
    const server = { address: stack.temporalAddress, namespace: stack.namespace };
    await saveHistory(server, workflowId, `paid-turn/${behaviour}`);
  }
  const paymentFor = async (agent: SdkAgent) =>
    signPayment(createPayer(), 2, { terms: (await termsOf(url(), agent))[2] });

  test('paid-turn: settled, settled after a lost answer, withheld and settled, released, cancelled', async () => {
    const echo = await startEcho(database, url());
    await offerPaidChat(stack, echo);
    await save((await sayPaid(url(), echo, 'Hi', await paymentFor(echo))).body.execution_id, 'settled');

    let asked = 0;
    facilitator.onSettle((response) => ((asked += 1) === 1 ? void response.destroy() : answerSettled(response, asked)));
    await save((await sayPaid(url(), echo, 'Lost', await paymentFor(echo))).body.execution_id, 'lost-answer');

    facilitator.onSettle(answerRefused('insufficient_funds'));
    const payment = await paymentFor(echo);
    expect((await sayPaid(url(), echo, 'Poor', payment)).status).toBe(402);
    facilitator.onSettle(answerSettled);
    await save((await sayPaid(url(), echo, 'Poor', payment)).body.execution_id, 'withheld');
    echo.disconnect();

    const silent = await SdkAgent.create(database, url());
    await silent.connect();
    const { owner } = await offerPaidChat(stack, silent);
    const cancelled = async (behaviour: string, cancel: (id: string) => Promise<unknown>) => {
      const waiting = sayPaid(url(), silent, behaviour, await paymentFor(silent));
      const { _id: id } = await waitFor(() => database.gatewayExecutions.findOne({ message: behaviour }));
      await waitFor(() => client.workflow.getHandle(paidTurnId(id)).describe());
      await cancel(id);
      expect((await waiting).status).toBe(409);
      await save(id, behaviour);
    };
    await cancelled('released', (id) => owner.call('POST', `/api/agents/${silent.handle}/executions/${id}/terminate`));
    await cancelled('cancelled-by-operator', (id) => client.workflow.getHandle(paidTurnId(id)).cancel());
    silent.disconnect();
  });
});
