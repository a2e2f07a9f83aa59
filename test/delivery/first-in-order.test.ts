import { randomBytes } from 'node:crypto';
import type { AttemptDeps } from '../../delivery/attempt';
import { startFirstAttempts } from '../../delivery/first-attempts';
import { startIntentRelay } from '../../delivery/intent-relay';
import { attemptDue } from '../../delivery/retries';
import { pairId } from '../../domain/guards';
import { systemClock } from '../../platform/clock';
import { createEgress } from '../../platform/egress/egress';
import { createLogger } from '../../platform/logger';
import { createMetrics } from '../../platform/metrics';
import { createAgentReader } from '../../store/agents/agents';
import { AckLane } from '../../store/sending/ack-lane';
import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { type Received, LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { secretsOf } from '../support/webhook-rig';
import { useEach } from '../support/use';

const HOUR_MS = 3_600_000;

/** The worker's part runs in this process, so that starts can be seen; messages come from two api processes. */
describe('first attempts at an endpoint, from the commit on', () => {
  const { stack, database, url } = useStack({
    apis: 2,
    workers: 0,
    env: LOCAL_RECEIVERS,
  });
  const receiver = useReceiver();
  let recipient: TestAgent;
  let senders: [TestAgent, TestAgent];
  let webhookId: string;
  const workers = useEach(
    (): { stop: () => Promise<void> }[] => [],
    (all) => Promise.all(all.map((worker) => worker.stop())),
  );

  beforeEach(async () => {
    recipient = await createTestAgent(database);
    senders = [await createTestAgent(database), await createTestAgent(database)];
    // A message first, so that any number of answers may follow.
    for (const sender of senders) await send(recipient, sender, 'hi');
    const hook = { url: receiver.url, events: ['message.new'] };
    webhookId = (await as(recipient, 'POST', '/v1/webhooks', hook)).body.id;
  });

  const as = (who: TestAgent, method: string, path: string, body: object, node = 0) =>
    call(url(node), method, path, { key: who.apiKey, body });
  async function send(from: TestAgent, to: TestAgent, text: string, node = 0): Promise<Parsed> {
    const body = { to: to.agent.handle, client_msg_id: randomBytes(6).toString('hex'), content: { text } };
    const answer = await as(from, 'POST', '/v1/messages', body, node);
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body;
  }
  const sendBy = (index: number, text: string): Promise<Parsed> =>
    send(senders[index % 2] ?? recipient, recipient, text, index % 2);

  /** @param everyMs of its timers, when they are not to play a part */
  function startWorker(everyMs?: number) {
    const log = createLogger('test', 'silent');
    const egress = createEgress({
      resolve: () => Promise.resolve(['127.0.0.1']),
      isForbidden: () => false,
      allowHttp: true,
    });
    const acks = new AckLane({ database, clock: systemClock, log, observe: () => undefined });
    const started: string[] = [];
    const deps: AttemptDeps = {
      database,
      egress: {
        ...egress,
        post: (to, request) => {
          started.push(dataOf(request.body).id);
          return egress.post(to, request);
        },
      },
      openSecret: secretsOf(stack).open,
      ack: (command) => acks.ack(command),
      metrics: createMetrics(),
      log,
      isStopping: () => false,
    };
    const first = startFirstAttempts(deps, undefined, everyMs);
    const agents = createAgentReader(database);
    const publicBaseUrl = 'http://chat.example.com';
    const { metrics } = deps;
    const relay = startIntentRelay({ database, agents, publicBaseUrl, metrics, log, wake: first.wake }, everyMs);
    const worker = {
      deps,
      /** Messages in the order in which their attempts started. */
      started,
      stop: async () => {
        await Promise.all([relay.stop(), first.stop()]);
        await egress.close();
        await acks.idle();
      },
    };
    workers.push(worker);
    return worker;
  }

  const dataOf = (body: Buffer): Parsed => JSON.parse(body.toString('utf8')).data;
  const textsOf = (requests: Received[]): string[] => requests.map(({ body }) => dataOf(body).content.text);
  /** What the recipient got, in the order of the commits. */
  const committed = async (): Promise<string[]> =>
    (await database.envelopes.find({ recipientId: recipient.agent._id }, { sort: { position: 1 } }).toArray()).map(
      ({ messageId }) => messageId,
    );

  test('webhooks#G11: first attempts start in the order of the commits, whatever the clocks of the nodes say', async () => {
    // As a node whose clock is an hour ahead leaves it: messages of a conversation never go back in time.
    const ahead = { lastMessageAt: new Date(Date.now() + HOUR_MS) };
    const pair = pairId(senders[0]?.agent._id ?? '', recipient.agent._id);
    expect((await database.guards.updateOne({ _id: pair }, { $set: ahead, $inc: { v: 1 } })).modifiedCount).toBe(1);
    for (let index = 0; index < 24; index += 1) await sendBy(index, `waits ${index}`);
    const worker = startWorker();
    await receiver.received(24);
    const lanes = Array.from({ length: 6 }, async (_, lane) => {
      for (let index = 0; index < 10; index += 1) await sendBy(lane, `${lane} sends ${index}`);
    });
    await Promise.all(lanes);
    await receiver.received(84);
    expect(worker.started).toEqual(await committed());
    expect(receiver.atOnceMax).toBeLessThanOrEqual(10);
  });

  test('webhooks#G11: what is repeated comes late, and seq tells the order all the same', async () => {
    receiver.answer((response, request, count) => {
      const isRefused = count <= 6 && dataOf(request.body).content.text === 'third';
      response.writeHead(isRefused ? 503 : 200).end();
    });
    const worker = startWorker();
    const texts = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth'];
    for (const text of texts) await sendBy(0, text);
    await receiver.received(6);
    const failed = await waitFor(() => database.deliveries.findOne({ webhookId, status: 'failed' }));
    const now = failed.nextAttemptAt ?? new Date();
    await attemptDue(worker.deps, { webhookId, now, onStep: () => undefined });
    const requests = await receiver.received(7);
    expect(textsOf(requests).at(-1)).toBe('third');
    const arrived = requests.filter(({ body, headers }) => {
      return dataOf(body).content.text !== 'third' || headers['x-agentchat-attempt'] === '2';
    });
    const bySeq = [...arrived].sort((one, other) => dataOf(one.body).seq - dataOf(other.body).seq);
    expect(textsOf(bySeq)).toEqual(texts);
  });

  test('webhooks#G8: the commit itself has the first attempt made, on whichever node; no timer is needed', async () => {
    startWorker(HOUR_MS);
    // The first ones may be committed before the worker listens.
    await waitFor(async () => {
      await sendBy(0, 'is it there?');
      return receiver.requests.length > 0;
    });
    for (let index = 0; index < 10; index += 1) {
      const { id } = await sendBy(index, `woken ${index}`);
      await waitFor(() => receiver.requests.some(({ body }) => dataOf(body).id === id));
    }
  });
});
