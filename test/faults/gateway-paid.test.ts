import { paidTurnId } from '../../workflows/messages/paid-turn';
import { answerRefused, answerSettled, startFacilitator } from '../support/facilitator';
import { startEcho } from '../support/gateway';
import { startAnsweringAgent } from '../support/gateway-faults';
import { createPayer, decode, offerPaidChat, sayPaid, signPayment, termsOf } from '../support/payers';
import { useEach } from '../support/use';
import { useStackEach } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** What moves money moves it once, whatever dies or falls silent: and nobody is asked for it again who may have paid. */
describe('paid chat and faults', () => {
  const facilitator = useEach(startFacilitator, (opened) => opened.close().catch(() => undefined));
  const used = useStackEach(() => ({ apis: 2, env: { X402_FACILITATOR: facilitator.url } }));
  const { stack, database, client, url } = used;

  async function paidEcho() {
    const agent = await startEcho(database, url(1));
    await offerPaidChat(stack, agent);
    const payment = await signPayment(createPayer(), 2, { terms: (await termsOf(url(), agent))[2] });
    return { agent, payment };
  }
  /** All that was sent to be settled is one payment, word for word. */
  const distinctlySettled = (): number => new Set(facilitator.settled.map((call) => JSON.stringify(call))).size;

  test('gateway#10: a facilitator that settles and falls silent is asked again, and never pays twice', async () => {
    const { agent, payment } = await paidEcho();
    // It has settled, but its answer is lost; then it knows the payment for used; at last it says what it did.
    facilitator.onSettle((response, count) => {
      if (count === 1) response.destroy();
      else if (count <= 3) answerRefused('invalid_transaction_state')(response, count);
      else answerSettled(response, count);
    });
    const answer = await sayPaid(url(), agent, 'Are you there?', payment);
    expect([answer.status, answer.body.response]).toEqual([200, 'You said: Are you there?']);
    expect([facilitator.settled.length, distinctlySettled()]).toEqual([4, 1]);
    agent.disconnect();
  });

  test('gateway#10: a payment that may have been settled is 503, never a new 402, until it is known', async () => {
    const { agent, payment } = await paidEcho();
    let isSilent = true;
    facilitator.onSettle((response, count) => {
      if (count === 1 && isSilent) return;
      if (isSilent) answerRefused('insufficient_funds')(response, count);
      else answerSettled(response, count);
    });
    const first = await sayPaid(url(), agent, 'Silence?', payment);
    expect([first.status, first.body.code, first.headers.get('retry-after')]).toEqual([503, 'PAYMENT_PENDING', '5']);
    isSilent = false;
    const again = await sayPaid(url(1), agent, 'Silence?', payment);
    expect([again.status, again.body.response]).toEqual([200, 'You said: Silence?']);
    expect(distinctlySettled()).toBe(1);
    agent.disconnect();
  });

  test('gateway#10: a facilitator that is down at settlement: 503, and the same payment later settles once', async () => {
    const { agent, payment } = await paidEcho();
    const asked = sayPaid(url(), agent, 'Down?', payment);
    await waitFor(() => facilitator.verified.length === 1);
    await facilitator.close();
    const first = await asked;
    expect([first.status, first.body.code]).toEqual([503, 'PAYMENT_PENDING']);
    await facilitator.listen();
    const again = await sayPaid(url(), agent, 'Down?', payment);
    expect([again.status, again.body.response, again.headers.get('x-idempotent-replay')]).toEqual([
      200,
      'You said: Down?',
      'true',
    ]);
    expect(facilitator.settled).toHaveLength(1);
    expect(await database.gatewayExecutions.countDocuments({ agentId: agent.id })).toBe(1);
    agent.disconnect();
  });

  test('gateway#10: a refused settlement withholds the answer until the same payment is settled', async () => {
    const { agent, payment } = await paidEcho();
    facilitator.onSettle(answerRefused('insufficient_funds'));
    const first = await sayPaid(url(), agent, 'For nothing?', payment);
    expect([first.status, first.body.error, first.body.payment, first.body.response]).toEqual([
      402,
      'insufficient_funds',
      { settled: false, reason: 'insufficient_funds' },
      undefined,
    ]);
    const told = { success: false, errorReason: 'insufficient_funds', transaction: '' };
    expect(decode(first.headers.get('payment-response'))).toMatchObject(told);
    const second = await sayPaid(url(1), agent, 'For nothing?', payment);
    expect([second.status, second.body.error]).toEqual([402, 'insufficient_funds']);
    facilitator.onSettle(answerSettled);
    const third = await sayPaid(url(), agent, 'For nothing?', payment);
    expect([third.status, third.body.response]).toEqual([200, 'You said: For nothing?']);
    expect([facilitator.settled.length, distinctlySettled()]).toEqual([3, 1]);
    expect(await database.messages.countDocuments({ senderId: agent.id })).toBe(1);
    agent.disconnect();
  });

  test('gateway#10: an api killed behind the claim: the turn goes on, and the payment is settled once', async () => {
    const { agent, untilAsked, answer } = await startAnsweringAgent(used, url(1));
    await offerPaidChat(stack, agent);
    const payment = await signPayment(createPayer(), 1, { terms: (await termsOf(url(), agent))[1] });
    const lost = sayPaid(url(), agent, 'Killed?', payment).catch(() => null);
    await waitFor(() => database.payments.findOne({ agentId: agent.id }), { intervalMs: 1 });
    const [api] = stack.apis;
    if (api === undefined) throw new Error('no api');
    await stack.kill(api);
    expect(await lost).toBeNull();
    await untilAsked();
    const early = await sayPaid(url(), agent, 'Killed?', payment);
    expect([early.status, early.body.code]).toEqual([409, 'PAYMENT_IN_PROGRESS']);
    await answer();
    const replayed = await waitFor(async () => {
      const reply = await sayPaid(url(), agent, 'Killed?', payment);
      return reply.status === 200 ? reply : null;
    });
    expect(replayed.body).toMatchObject({ response: 'You said: Killed?', payment: { settled: true } });
    expect([facilitator.settled.length, agent.received.length]).toEqual([1, 1]);
    agent.disconnect();
  });

  test('gateway#10: the worker killed between answer and settlement: another one settles the same payment', async () => {
    const { agent, payment } = await paidEcho();
    facilitator.onSettle(() => undefined);
    const first = sayPaid(url(), agent, 'Dead worker?', payment);
    await waitFor(() => facilitator.settled.length === 1);
    const [worker] = stack.workers;
    if (worker === undefined) throw new Error('no worker');
    await stack.kill(worker);
    facilitator.onSettle(answerSettled);
    await stack.startWorker();
    const { status, body } = await first;
    expect([status === 503 ? body.code : body.status]).toEqual([status === 503 ? 'PAYMENT_PENDING' : 'success']);
    const settled = await waitFor(() => database.payments.findOne({ agentId: agent.id, status: 'settled' }));
    expect(await client.workflow.getHandle(paidTurnId(settled.executionId)).result()).toEqual({ state: 'settled' });
    const replayed = await sayPaid(url(), agent, 'Dead worker?', payment);
    expect([replayed.status, replayed.body.response]).toEqual([200, 'You said: Dead worker?']);
    expect(distinctlySettled()).toBe(1);
    agent.disconnect();
  });
});
