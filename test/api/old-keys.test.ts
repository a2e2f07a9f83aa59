import { randomUUID } from 'node:crypto';
import { hashApiKey, newApiKey } from '../../platform/ids';
import { swapKey, type KeySwap } from '../../store/accounts/swap-key';
import { agentActor } from '../../store/schema/audit';
import { COLLECTIONS } from '../../store/schema/registry';
import { call, type CallAnswer, type TestAgent } from '../support/agents';
import { agentWrites, type AgentWrite } from '../support/agent-writes';
import { beginHalf, type WholeCall } from '../support/half-calls';
import { LOCAL_RECEIVERS } from '../support/receiver';
import { servedEndpoints } from '../support/routes';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Who may call with the key of an agent. */
const AGENTS = ['agent', 'any-status', 'optional'];

/** Whoever holds a stolen key must not be able to keep a call open until after its rotation, and act then. */
describe('a key that is replaced while its call is under way', () => {
  const { stack, database, url } = useStack({ env: LOCAL_RECEIVERS });

  const writes = servedEndpoints().filter(({ auth, method }) => AGENTS.includes(auth) && method !== 'GET');
  const situationOf = (operationId: string): Promise<AgentWrite> => {
    const make = agentWrites(stack, database)[operationId];
    if (make === undefined) throw new Error(`test/support/agent-writes.ts has no call of ${operationId}`);
    return make();
  };

  const wholeCall = ({ who, path, body }: AgentWrite, method: string): WholeCall => ({
    method,
    path,
    key: who.apiKey,
    body: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body ?? { nobody: 'needs it' })),
  });
  const newKeyOf = ({ agent }: TestAgent): { swap: KeySwap; apiKey: string } => {
    const apiKey = newApiKey();
    const actor = agentActor(agent._id);
    return { apiKey, swap: { agentId: agent._id, apiKeyHash: hashApiKey(apiKey), actor, at: new Date() } };
  };
  const send = ({ method, path, body, headers }: WholeCall, key: string): Promise<CallAnswer> =>
    call(url(), method, path, { key, body: new Uint8Array(body), ...(headers === undefined ? {} : { headers }) });

  /** What is stored of the agent, but for what passes. */
  async function storedOf({ agent }: TestAgent): Promise<string[]> {
    const passing = new Set(['bus', 'connections', 'nodes', 'outbox', 'rateWindows', 'idempotency', 'codeCounters']);
    const names = Object.keys(COLLECTIONS).filter((name) => !passing.has(name));
    const found: string[] = [];
    for (const name of names) {
      const rows = await database.db.collection(name).find().toArray();
      found.push(...rows.map((row) => `${name} ${JSON.stringify(row)}`));
    }
    return found.filter((row) => row.includes(agent._id) || row.includes(agent.handle)).sort();
  }

  test.each(writes.map(({ operationId, method }) => [operationId, method]))(
    'identity#34: %s (%s): half a body, the rotation, the rest: 401 and no effect',
    async (operationId, method) => {
      const situation = await situationOf(operationId);
      const whole = wholeCall(situation, method);
      const half = await beginHalf(url(), whole);
      const { swap, apiKey } = newKeyOf(situation.who);
      await swapKey(database, swap);
      const before = await storedOf(situation.who);
      const answer = await half.finish();
      expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } });
      expect(await storedOf(situation.who)).toEqual(before);
      expect((await send(whole, apiKey)).status).toBeLessThan(300);
    },
  );

  /** Each is one statement, or begins a flow, directly behind the look-up: docs/decisions.md says why that is enough. */
  const NOT_IN_A_COMMIT = ['ackMessages', 'setPresence', 'getPresences', 'rotateKey', 'testWebhook'];

  test.each(
    writes
      .filter(({ operationId }) => !NOT_IN_A_COMMIT.includes(operationId))
      .map(({ operationId, method }) => [operationId, method]),
  )('identity#34: %s (%s): authenticated just before the rotation commits, 401 and no effect', async (id, method) => {
    const situation = await situationOf(id);
    const whole = wholeCall(situation, method);
    const { swap, apiKey } = newKeyOf(situation.who);
    const answering: Promise<CallAnswer>[] = [];
    await swapKey(database, swap, async () => {
      // The old key still is the agent's for everybody else; whatever proves it in its commit meets this transaction,
      // which the server ends after three seconds.
      const met = await abortedTransactions();
      if (answering.length === 0) answering.push(send(whole, situation.who.apiKey));
      const isMet = async () => (await abortedTransactions()) > met;
      await waitFor(isMet, { timeoutMs: 1_500 }).catch(() => undefined);
    });
    expect(await answering[0]).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } });
    // The code of a rotation is used up by a refusal behind it.
    if (id !== 'verifyRotation') expect((await send(whole, apiKey)).status).toBeLessThan(300);
  });

  /** How many transactions have met another one so far, or were given up. */
  async function abortedTransactions(): Promise<number> {
    const { transactions } = await database.client.db('admin').command({ serverStatus: 1 });
    // The parse point of what the server says of itself.
    return Number((transactions as { totalAborted: unknown }).totalAborted);
  }

  test('identity#34, conventions#5: half a body, the rotation, the rest: no stored answer is replayed', async () => {
    const situation = await situationOf('createWebhook');
    const whole = { ...wholeCall(situation, 'POST'), headers: { 'idempotency-key': randomUUID() } };
    const first = await send(whole, situation.who.apiKey);
    expect(first).toMatchObject({ status: 201, body: { secret: expect.any(String) } });
    const half = await beginHalf(url(), whole);
    const { swap, apiKey } = newKeyOf(situation.who);
    await swapKey(database, swap);
    expect(await half.finish()).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } });
    expect((await send(whole, apiKey)).body).toEqual(first.body);
  });
});
