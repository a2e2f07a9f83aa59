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

  test('gateway.md §9.4: equal calls of a visitor that a link knows begin one turn; strangers share none', async () => {
    const agent = crew.keep(await startEcho(database, url(1)));
    const owner = await ownerOf(stack, agent);
    const { token } = await newLink(owner, agent);
    const { at } = visitorCalls(url);
    const headers = { 'idempotency-key': randomUUID() };
    const hello = { body: { message: 'Hello' }, headers };
    const strangers = [await at('POST', `chat/${token}`, hello), await at('POST', `chat/${token}`, hello)];
    const [one, other] = strangers.map(({ body }) => body.session_id as string);
    expect([one === other, agent.received.length]).toEqual([false, 2]);
    const body = { message: 'Once', session_id: one };
    const answers = await Promise.all(sequence(0, 4).map((n) => at('POST', `chat/${token}`, { body, headers }, n % 2)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(new Set(answers.map((answer) => answer.body.execution_id)).size).toBe(1);
    const foreign = await at('POST', `chat/${token}`, { body: { message: 'Once', session_id: other }, headers });
    expect(foreign.body.execution_id).not.toBe(answers[0]?.body.execution_id);
    expect(agent.received).toHaveLength(4);
  });
});
