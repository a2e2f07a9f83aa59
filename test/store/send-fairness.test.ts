import { makeGroup } from '../../bench/group-fixture';
import { createAgentReader } from '../../store/agents/agents';
import { createCommitter, type Committer } from '../../store/sending/committer';
import type { Database } from '../../store/schema/database';
import { openTestDatabase, type TestDatabase } from '../support/database';
import { makeSenders, type Sender } from '../support/traffic';

const CONTENT = { type: 'text', content: '{"text":"hi"}', metadata: '{}', attachmentId: null } as const;

/** Two processes over one database, and what they owe to tenants that others crowd. */
describe('sends of many tenants through two processes', () => {
  let opened: TestDatabase;
  let database: Database;
  let nodes: Committer[];
  let sent = 0;

  beforeAll(async () => {
    opened = await openTestDatabase();
    ({ database } = opened);
    nodes = [0, 1].map(() =>
      createCommitter({
        database,
        agents: createAgentReader(database),
        clock: { now: () => new Date() },
        log: { error: () => undefined } as never,
        limitRate: false,
        observe: () => undefined,
      }),
    );
  });
  afterAll(() => opened.drop());

  const node = (index: number): Committer => {
    const found = nodes[index];
    if (found === undefined) throw new Error('no such node');
    return found;
  };
  const by = ({ id, handle }: Sender) => ({ id, handle, isSystem: false, keyVersion: 1, isCached: false });
  const next = (sender: Sender) => ({ ...CONTENT, sender: by(sender), clientMsgId: `fair-${(sent += 1)}` });
  const pairs = async (count: number): Promise<[Sender, Sender][]> => {
    const agents = await makeSenders(database, 2 * count);
    return agents.flatMap((agent, index) => (index % 2 === 0 ? [[agent, agents[index + 1] ?? agent]] : []));
  };

  // The pair's guard shows the other process's commit before the message is durable: then the repeat looks like a second message.
  test('messaging#2: the identical first send on two nodes at once is one message and no refusal', async () => {
    for (const [a, b] of await pairs(100)) {
      const command = { ...next(a), to: b.handle };
      const outcomes = await Promise.all([node(0).send(command), node(1).send(command)]);
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['accepted', 'replayed']);
    }
  });

  test('a flood into one group lets sends into another group and between two others pass in its midst', async () => {
    const members = await makeSenders(database, 40);
    const [crowded, quiet] = [members.slice(0, 30), members.slice(30)];
    const [crowdedId, quietId] = await Promise.all(
      [crowded, quiet].map((agents) =>
        makeGroup(
          database,
          agents.map(({ id, handle }) => ({ id, handle, key: '' })),
        ),
      ),
    );
    const [[one, other] = [members[0], members[1]]] = await pairs(1);
    const first = crowded[0];
    const speaker = quiet[0];
    if (first === undefined || speaker === undefined || one === undefined || other === undefined)
      throw new Error('agents are needed');
    let flooded = 0;
    const flood = Array.from({ length: 400 }, async () => {
      await node(0).send({ ...next(first), groupId: crowdedId ?? '' });
      flooded += 1;
    });
    await node(0).send({ ...next(speaker), groupId: quietId ?? '' });
    const beforeQuiet = flooded;
    await node(0).send({ ...next(one), to: other.handle });
    const beforeDirect = flooded;
    await Promise.all(flood);
    // Both came in behind 400 others and waited for the batches in flight, not for the queue.
    expect(beforeQuiet).toBeLessThan(120);
    expect(beforeDirect).toBeLessThan(200);
  });

  /** A group of `size`, and a process that knows it, in one second that does not end. */
  async function limitedGroup(size: number) {
    const members = await makeSenders(database, size);
    const groupId = await makeGroup(
      database,
      members.map(({ id, handle }) => ({ id, handle, key: '' })),
    );
    const seen = { batches: 0 };
    const at = new Date();
    const committer = createCommitter({
      database,
      agents: createAgentReader(database),
      clock: { now: () => at },
      log: { error: () => undefined } as never,
      limitRate: true,
      observe: () => (seen.batches += 1),
    });
    return {
      members,
      committer,
      seen,
      send: (from: Sender, clientMsgId = next(from).clientMsgId) =>
        committer.send({ ...next(from), clientMsgId, groupId }),
    };
  }

  test('messaging.md §7: what a flood exceeds the limit of its group by is refused in few batches', async () => {
    const { members, seen, send } = await limitedGroup(100);
    const outcomes = await Promise.allSettled(members.flatMap((member) => [1, 2, 3].map(() => send(member))));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'RATE_LIMITED' });
    }
    // Twenty messages to a hundred members each, then 280 refusals, 128 at a time.
    expect(seen.batches).toBeLessThan(12);
  });

  test('messaging.md §7: it is refused before the messages that fill the limit are written', async () => {
    const { members, send } = await limitedGroup(200);
    const [first, second] = members;
    if (first === undefined || second === undefined) throw new Error('agents are needed');
    await Promise.all([send(first, 'known'), send(second)]);
    let accepted = 2;
    let acceptedAtLastRefusal = 0;
    const flood = Array.from({ length: 100 }, () =>
      send(first).then(
        () => (accepted += 1),
        () => (acceptedAtLastRefusal = accepted),
      ),
    );
    await Promise.all(flood);
    expect(accepted).toBe(20);
    expect(acceptedAtLastRefusal).toBeLessThan(19);
    const replay = await send(first, 'known');
    expect(replay.kind).toBe('replayed');
  });

  test('conventions.md §10: what its group refuses takes a slot of the sender', async () => {
    const { members, committer, send } = await limitedGroup(30);
    const [first, second] = members;
    if (first === undefined || second === undefined) throw new Error('agents are needed');
    await Promise.all([send(first), send(first)]);
    const scopeOf = (outcome: PromiseSettledResult<unknown>): string =>
      // The parse point of what a send is refused with.
      outcome.status === 'fulfilled' ? 'accepted' : (outcome.reason as { details: { scope: string } }).details.scope;
    const outcomes = (await Promise.allSettled(Array.from({ length: 98 }, () => send(first)))).map(scopeOf);
    const count = (scope: string) => outcomes.filter((one) => one === scope).length;
    expect([count('accepted'), count('group'), count('sender')]).toEqual([18, 40, 40]);
    const direct = await Promise.allSettled([committer.send({ ...next(first), to: second.handle })]);
    expect(direct.map(scopeOf)).toEqual(['sender']);
  });
});
