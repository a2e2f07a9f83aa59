import { createTestAgent, call, type TestAgent } from '../support/agents';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { framesOf, openDashboard, ownerOf } from '../support/watch';

/** A browser tab that a laptop put to sleep must cost neither the node its memory nor a send its time. */
describe('dashboards under pressure', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const TEXT = 'x'.repeat(32_000);
  let made = 0;
  const write = (from: TestAgent, to: TestAgent, content = TEXT) =>
    call(url(), 'POST', '/v1/messages', {
      key: from.apiKey,
      body: { to: to.agent.handle, client_msg_id: `q-${(made += 1)}`, content },
    });

  test('a tab that reads nothing is closed with 1013 once 4 MiB wait, and no other tab is affected', async () => {
    const { owner, agents } = await ownerOf(stack, database);
    const agent = agents[0] as TestAgent;
    const peer = await createTestAgent(database);
    await write(agent, peer);
    await write(peer, agent, 'so that it may go on');
    const [asleep, awake] = [await openDashboard(stack, owner), await openDashboard(stack, owner)];
    asleep.socket.pause();
    // More than sockets buffer below us, and 4 MiB above that.
    const count = 500;
    const ids: string[] = [];
    for (let start = 0; start < count; start += 20) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => write(peer, agent)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
      ids.push(...answers.map(({ body }) => String(body.id)));
    }
    await waitFor(() => framesOf(awake, 'message.new').length >= count);
    const shown = framesOf(awake, 'message.new').map(({ payload }) => payload.id);
    expect([...shown].sort()).toEqual([...ids].sort());
    await waitFor(async () => (await database.connections.countDocuments({ agentId: owner.id })) === 1);
    asleep.socket.resume();
    const { code } = await asleep.untilClosed();
    // Who wakes up later than two seconds after finds the connection cut.
    expect([1013, 1006]).toContain(code);
    expect(framesOf(asleep, 'message.new').length).toBeLessThan(count);
    awake.end();
  });
});
