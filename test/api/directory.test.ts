import { ADDRESS_LIMITS, AGENT_LIMITS } from '../../contract/limits';
import { hitRateWindow } from '../../store/schema/rate-windows';
import { setStatus } from '../../store/accounts/account-facts';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { addContact } from '../../store/contacts/relations';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { waitFor } from '../support/wait';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';
import { exactly } from '../support/exactly';

const ROW_FIELDS = ['avatar_url', 'created_at', 'description', 'display_name', 'handle'];

describe('the directory', () => {
  let caller: TestAgent;
  let groups = 0;

  const { stack, database, url } = useStack({ workers: 0 });
  const limited = use(() => stack.startApi({ RATE_LIMITS: 'on', TRUST_PROXY: 'on' }));
  const closed = use(() => stack.startApi({ DIRECTORY_REQUIRE_AUTH: 'on' }));

  beforeAll(async () => {
    caller = await createTestAgent(database);
  });

  /** Agents whose handles share a beginning that nobody else has. */
  async function family<Endings extends string[]>(...endings: Endings) {
    const prefix = `fam${(groups += 1)}x`;
    const agents = await exactly<TestAgent, Endings['length']>(endings.length, (index) =>
      createTestAgent(database, { handle: `${prefix}${endings[index]}` }),
    );
    return { prefix, agents };
  }
  const search = (query: string, key: string | null = caller.apiKey) =>
    call(url(), 'GET', `/v1/directory?${query}`, key === null ? {} : { key });
  const handles = ({ body }: CallAnswer): string[] => body.agents.map((row: { handle: string }) => row.handle);

  test('identity#28: the query is the literal beginning of a handle, however it is typed', async () => {
    const { prefix, agents } = await family('', 'a', 'b-c');
    await database.agents.updateOne({ _id: agents[0]?.agent._id ?? '' }, { $set: { displayName: `${prefix}zz` } });
    const all = [prefix, `${prefix}a`, `${prefix}b-c`];
    for (const q of [prefix, `@${prefix}`, `%40${prefix.toUpperCase()}`, `%20${prefix}%20`]) {
      expect([q, handles(await search(`q=${q}`))]).toEqual([q, all]);
    }
    expect(handles(await search(`q=${prefix}b-`))).toEqual([`${prefix}b-c`]);
    for (const q of [
      '.*',
      `${prefix}.`,
      `${prefix}%25`,
      `${prefix}_`,
      '%5C%5C',
      `${prefix}zz`,
      '%00%00',
      'é👋',
      `${prefix}{`,
    ]) {
      expect([q, (await search(`q=${q}`)).body]).toEqual([q, { agents: [], total: 0, limit: 20, offset: 0 }]);
    }
    for (const q of ['q=a', 'q=', '', 'q=%20%20a%20', 'q=@a', `q=${'a'.repeat(51)}`]) {
      const refused = await search(q);
      expect([q, refused.status, refused.body.code]).toEqual([q, 400, 'VALIDATION_ERROR']);
    }
    expect((await search('q=@al')).status).toBe(200);
    expect((await search(`q=@${'a'.repeat(50)}`)).status).toBe(200);
  });

  test('rows hold what the contract lists; in_contacts only for callers with a key, then always', async () => {
    const { prefix } = await family('', 'a');
    for (const row of (await search(`q=${prefix}`)).body.agents)
      expect(Object.keys(row).sort()).toEqual([...ROW_FIELDS, 'in_contacts'].sort());
    for (const row of (await search(`q=${prefix}`, null)).body.agents)
      expect(Object.keys(row).sort()).toEqual(ROW_FIELDS);
  });

  test('identity#29: the directory lists restricted agents and the caller, not suspended or deleted ones', async () => {
    const { prefix, agents } = await family('a', 'b', 'c', 'd', 'e');
    const [a, b, c, d] = agents;
    await setStatus(database, b.agent._id, 'restricted', new Date());
    await setStatus(database, c.agent._id, 'suspended', new Date());
    await deleteAgent(database, d.agent._id, new Date());
    await addContact(database, { from: a.agent._id, to: b.agent._id, at: new Date() });
    const seenBy = async (key: string | null) =>
      (await search(`q=${prefix}`, key)).body.agents.map((row: Record<string, unknown>) => [
        String(row['handle']).slice(prefix.length),
        row['in_contacts'],
      ]);
    expect(await seenBy(a.apiKey)).toEqual([
      ['a', false],
      ['b', true],
      ['e', false],
    ]);
    expect(await seenBy(b.apiKey)).toEqual([
      ['a', false],
      ['b', false],
      ['e', false],
    ]);
    expect(await seenBy(null)).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['e', undefined],
    ]);
    await setStatus(database, c.agent._id, 'active', new Date());
    expect((await search(`q=${prefix}`)).body.total).toBe(4);
  });

  test('identity#21: an undiscoverable agent is not listed but answers by handle; system agents are listed', async () => {
    const { prefix, agents } = await family('a', 'b');
    const system = await createTestAgent(database, { handle: `${prefix}s`, isSystem: true });
    const hide = (who: TestAgent, discoverable: boolean) =>
      call(url(), 'PATCH', `/v1/agents/${who.agent.handle}`, {
        key: who.apiKey,
        body: { settings: { discoverable } },
      });
    const [a] = agents;
    await hide(system, false);
    expect((await hide(a, false)).body.settings.discoverable).toBe(false);
    expect(handles(await search(`q=${prefix}`))).toEqual([`${prefix}b`, `${prefix}s`]);
    expect((await search(`q=${prefix}`, a.apiKey)).body.total).toBe(2);
    expect((await call(url(), 'GET', `/v1/agents/${prefix}a`)).status).toBe(200);
    await setStatus(database, a.agent._id, 'suspended', new Date());
    await hide(a, true);
    await setStatus(database, a.agent._id, 'active', new Date());
    expect((await search(`q=${prefix}`)).body.total).toBe(2);
    await hide(a, true);
    expect((await search(`q=${prefix}`)).body.total).toBe(3);
  });

  test('identity#30: pages of any size visit every row once and tell the total; behind 10,000 they are empty', async () => {
    const { prefix } = await family(...Array.from({ length: 53 }, (_, index) => `n${index}`));
    const wanted = Array.from({ length: 53 }, (_, index) => `${prefix}n${index}`).sort();
    for (const limit of [100, 50, 7]) {
      const seen: string[] = [];
      for (;;) {
        const page = await search(`q=${prefix}&limit=${limit}&offset=${seen.length}`);
        expect(page.body).toMatchObject({ total: 53, limit: Math.min(50, limit), offset: seen.length });
        if (page.body.agents.length === 0) break;
        seen.push(...handles(page));
      }
      expect(seen).toEqual(wanted);
    }
    const behind = await search(`q=${prefix}&offset=10001`);
    expect(behind.body).toEqual({ agents: [], total: 53, limit: 20, offset: 10_001 });
  });

  test('conventions#8: limit and offset are clamped, never refused', async () => {
    const { prefix } = await family('a');
    const cases: [string, number, number][] = [
      ['limit=0', 1, 0],
      ['limit=-5', 1, 0],
      ['limit=1e9', 50, 0],
      ['limit=2.7&offset=-1', 2, 0],
      ['limit=abc&offset=abc', 20, 0],
      ['limit=&offset=', 20, 0],
    ];
    for (const [query, limit, offset] of cases) {
      const { status, body } = await search(`q=${prefix}&${query}`);
      expect([query, status, body.limit, body.offset, body.total]).toEqual([query, 200, limit, offset, 1]);
    }
  });

  test('a key that is there must hold; anonymous callers are let in unless the operator says no', async () => {
    const gone = await createTestAgent(database);
    await setStatus(database, gone.agent._id, 'suspended', new Date());
    expect((await search('q=al', gone.apiKey)).body.code).toBe('SUSPENDED');
    for (const authorization of ['garbage', 'Bearer nothing', `Basic ${caller.apiKey}`, 'Bearer ', '']) {
      const refused = await call(url(), 'GET', '/v1/directory?q=a', { headers: { authorization } });
      expect([authorization, refused.status]).toEqual([authorization, 401]);
    }
    expect((await search('q=al', null)).status).toBe(200);
    expect((await call(closed.baseUrl, 'GET', '/v1/directory?q=al')).body.code).toBe('UNAUTHORIZED');
    expect((await call(closed.baseUrl, 'GET', '/v1/directory?q=al', { key: caller.apiKey })).status).toBe(200);
  });

  test('identity#31: the 61st search of a minute and the 1,001st of a day are refused, of this agent only', async () => {
    const [me, other] = await Promise.all([createTestAgent(database), createTestAgent(database)]);
    const ask = (who: TestAgent, query = 'q=al') =>
      call(limited.baseUrl, 'GET', `/v1/directory?${query}`, { key: who.apiKey });
    // Invalid searches count too. The minute may end on the way: then its 61 are asked for again.
    const refused = await waitFor(async () => {
      for (let hit = 0; hit < 59; hit += 1)
        await hitRateWindow(database, 'directory', me.agent._id, AGENT_LIMITS.directory);
      await ask(me, 'q=a');
      const answer = await ask(me);
      return answer.status === 429 ? answer : null;
    });
    expect(refused.body.details).toMatchObject({ scope: 'directory', limit: 60 });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await ask(other)).status).toBe(200);
    const at = Date.now();
    const hits = Array.from({ length: 999 }, (_, index) => new Date(at - 3_600_000 + index));
    await database.rateWindows.updateOne(
      { _id: `directory_daily:${other.agent._id}` },
      { $set: { hits, count: 999, at: new Date(at), endsAt: new Date(at + 86_400_000) } },
    );
    expect((await ask(other)).status).toBe(200);
    const spent = await ask(other);
    expect([spent.status, spent.body.details.scope, spent.body.details.limit]).toEqual([429, 'directory_daily', 1_000]);
    expect(Number(spent.headers.get('retry-after'))).toBeGreaterThan(80_000);
  });

  test('identity#31: the 31st anonymous search of an address in a minute is refused, of this address only', async () => {
    const ask = (address: string, query = 'q=al') =>
      call(limited.baseUrl, 'GET', `/v1/directory?${query}`, { headers: { 'x-forwarded-for': address } });
    const refused = await waitFor(async () => {
      for (let hit = 0; hit < 29; hit += 1)
        await hitRateWindow(database, 'directory', '10.1.2.3', ADDRESS_LIMITS.directory);
      await ask('10.1.2.3', 'q=a');
      const answer = await ask('10.1.2.3');
      return answer.status === 429 ? answer : null;
    });
    expect(refused.body.details).toMatchObject({ scope: 'directory', limit: 30 });
    expect((await ask('10.1.2.4')).status).toBe(200);
  });
});
