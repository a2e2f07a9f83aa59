import { randomUUID } from 'node:crypto';
import { signInUser, startEcho } from '../support/gateway';
import { newLink, ownerOf, visitorCalls } from '../support/public-chat';
import { sequence } from '../support/releases';
import { makeTeam, useCrew } from '../support/teams';
import { useStack } from '../support/use-stack';

/** A call that is made again, because its answer was lost, must not be said again: gateway.md §9.4. */
describe('Idempotency-Key of teams and visitors', () => {
  const used = useStack({ apis: 2, workers: 1 });
  const { stack, database, url } = used;
  const crew = useCrew(used);
  const { at } = visitorCalls(url);

  async function sharedEcho() {
    const agent = crew.keep(await startEcho(database, url(1)));
    const { token } = await newLink(await ownerOf(stack, agent), agent);
    return { agent, token };
  }

  test('gateway.md §9.4: equal calls of a team at once begin one turn, and each gets its answer', async () => {
    const user = await signInUser(stack);
    const members = [await crew.echo(), await crew.echo()];
    const team = await makeTeam(user, members);
    const headers = { 'idempotency-key': randomUUID() };
    const call = { body: { message: 'Once', mode: 'parallel' }, headers };
    const answers = await Promise.all(
      sequence(0, 4).map((n) => user.call('POST', `/teams/${team.id}/chat`, { ...call, node: n % 2 })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const [first] = answers;
    expect(answers.map(({ body }) => body)).toEqual(Array(4).fill(first?.body));
    expect(answers.filter((answer) => answer.headers.get('x-idempotent-replay') === null)).toHaveLength(1);
    const later = await user.call('POST', `/teams/${team.id}/chat`, call);
    expect([later.body, later.headers.get('x-idempotent-replay')]).toEqual([first?.body, 'true']);
    for (const member of members) expect(member.received).toHaveLength(1);
    const other = await user.call('POST', `/teams/${team.id}/chat`, { ...call, body: { message: 'Other' } });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_CONFLICT']);
  });

  test('gateway.md §9.4: equal calls of a visitor that a link knows begin one turn', async () => {
    const { agent, token } = await sharedEcho();
    const hello = { body: { message: 'Hello' } };
    const strangers = [await at('POST', `chat/${token}`, hello), await at('POST', `chat/${token}`, hello)];
    const [one, other] = strangers.map(({ body }) => body.session_id as string);
    expect([one === other, agent.received.length]).toEqual([false, 2]);
    const headers = { 'idempotency-key': randomUUID() };
    const body = { message: 'Once', session_id: one };
    const answers = await Promise.all(sequence(0, 4).map((n) => at('POST', `chat/${token}`, { body, headers }, n % 2)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map((answer) => answer.body.execution_id)).size).toBe(1);
    const foreign = await at('POST', `chat/${token}`, { body: { message: 'Once', session_id: other }, headers });
    expect(foreign.body.execution_id).not.toBe(answers[0]?.body.execution_id);
    expect(agent.received).toHaveLength(4);
  });
});

/** Who has no session yet is known by its key and where it comes from: gateway.md §9.4. */
describe("Idempotency-Key of a visitor's first message", () => {
  const used = useStack({ apis: 2, workers: 1, env: { TRUST_PROXY: 'on' } });
  const { database, url } = used;
  const crew = useCrew(used);
  const { at, history, clear } = visitorCalls(url);

  async function sharedEcho(terms: object = {}) {
    const agent = crew.keep(await startEcho(database, url(1)));
    const owner = await ownerOf(used.stack, agent);
    return { agent, owner, link: await newLink(owner, agent, terms) };
  }
  const from = (address: string, key: string = randomUUID()) => ({
    'idempotency-key': key,
    'x-forwarded-for': address,
  });
  const HOME = '203.0.113.7';

  test('gateway.md §9.4: equal first messages at once begin one turn in one session, in any process', async () => {
    const { agent, owner, link } = await sharedEcho();
    const hello = { body: { message: 'Hello' }, headers: from(HOME) };
    const answers = await Promise.all(sequence(0, 6).map((n) => at('POST', `chat/${link.token}`, hello, n % 2)));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(new Set(answers.map(({ body }) => `${body.session_id} ${body.execution_id}`)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('x-idempotent-replay') === null)).toHaveLength(1);
    const { usage } = (await owner.call('GET', link.path)).body;
    expect([agent.received.length, usage.sessions, usage.messages]).toEqual([1, 1, 1]);
    const { session_id } = answers[0]?.body ?? {};
    const next = await at('POST', `chat/${link.token}`, { body: { message: 'And again', session_id } });
    expect(next.body).toMatchObject({ session_id, message_count: 4 });
    const other = await at('POST', `chat/${link.token}`, { body: { message: 'Other' }, headers: hello.headers });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_CONFLICT']);
  });

  test('strangers who chose the same key find nothing of each other, nor does a key of the day before', async () => {
    const { agent, owner, link } = await sharedEcho();
    const elsewhere = await newLink(owner, agent);
    const key = randomUUID();
    const body = { message: 'Hello' };
    const say = async (token: string, address: string): Promise<string> =>
      (await at('POST', `chat/${token}`, { body, headers: from(address, key) })).body.session_id;
    const first = await say(link.token, HOME);
    expect(await say(link.token, HOME)).toBe(first);
    const others = [await say(link.token, '203.0.113.8'), await say(elsewhere.token, HOME)];
    expect(new Set([first, ...others]).size).toBe(3);
    const yesterday = new Date(Date.now() - 86_400_000);
    await database.gatewayVisits.updateMany({}, { $set: { createdAt: yesterday } });
    await database.gatewayReceipts.updateMany({}, { $set: { expiresAt: yesterday } });
    expect(await say(link.token, HOME)).not.toBe(first);
  });

  test('the last message that a link takes is answered again, and one whose session was cleared, too', async () => {
    const { agent, link } = await sharedEcho({ max_messages: 1 });
    const hello = { body: { message: 'Hello' }, headers: from(HOME) };
    const first = await at('POST', `chat/${link.token}`, hello);
    const again = await at('POST', `chat/${link.token}`, hello);
    expect([again.status, again.body]).toEqual([200, first.body]);
    const { session_id } = first.body;
    const refused = await at('POST', `chat/${link.token}`, { body: { message: 'One more', session_id } });
    expect([refused.status, refused.body.code]).toEqual([404, 'LINK_NOT_FOUND']);
    const { link: open } = await sharedEcho();
    const said = await at('POST', `chat/${open.token}`, hello);
    await clear(open.token, { session_id: said.body.session_id });
    const cleared = await at('POST', `chat/${open.token}`, hello);
    expect(cleared.body.execution_id).toBe(said.body.execution_id);
    expect((await history(open.token, { session_id: said.body.session_id })).messages).toEqual([]);
    expect(agent.received).toHaveLength(1);
  });

  test('a key that is none is refused, of a first message, too', async () => {
    const { link } = await sharedEcho();
    const { status, body } = await at('POST', `chat/${link.token}`, {
      body: { message: 'Hello' },
      headers: from(HOME, 'short'),
    });
    expect([status, body.code]).toEqual([400, 'IDEMPOTENCY_KEY_INVALID']);
  });
});
