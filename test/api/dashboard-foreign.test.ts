import { createTestAgent } from '../support/agents';
import { callAs, claim, signInOwner } from '../support/owners';
import { servedEndpoints } from '../support/routes';
import { useStack } from '../support/use-stack';

/** Whatever a route asks for beside the handle, so that only ownership can refuse. */
const BODIES: Record<string, object> = { '/dashboard/agents/:handle/pause': { mode: 'full' } };
const PARAMS: Record<string, string> = { group_id: 'grp_AAAAAAAAAAAAAAAA', target: 'somebody' };

const ofOwners = servedEndpoints().filter(({ auth }) => auth === 'owner');
const perAgent = ofOwners.filter(({ path }) => path.includes('/:handle'));

describe('routes of owners', () => {
  const { stack, database, url } = useStack({ workers: 0 });

  const named = (endpoints: typeof ofOwners) =>
    endpoints.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const);

  test.each(named(perAgent))(
    "dashboard#8: %s of somebody else's agent is, byte for byte, that of a handle that never was",
    async (_name, { method, path }) => {
      const [owner, other] = [await signInOwner(stack), await signInOwner(stack)];
      const [claimed, free] = [await createTestAgent(database), await createTestAgent(database)];
      await claim(owner, claimed);
      const before = await database.agents.findOne({ _id: claimed.agent._id });
      const ask = async (handle: string) => {
        const filled = path.replace(/:(\w+)/g, (_, name: string) =>
          name === 'handle' ? handle : (PARAMS[name] ?? 'x'),
        );
        const target = method === 'GET' ? `${filled}?conversation_id=conv_AAAAAAAAAAAAAAAA` : filled;
        const { status, text, body } = await other.call(method, target, { body: BODIES[path] });
        return { status, text, code: body?.code };
      };
      const unknown = await ask('never-was-there');
      expect([unknown.status, unknown.code]).toEqual([404, 'AGENT_NOT_FOUND']);
      const spelled = [claimed.agent.handle, `@${claimed.agent.handle}`, claimed.agent.handle.toUpperCase()];
      for (const handle of [...spelled, free.agent.handle, 'chatfather', 'a', '@@x', '%00', '__proto__']) {
        expect([handle, await ask(handle)]).toEqual([handle, unknown]);
      }
      expect(await database.agents.findOne({ _id: claimed.agent._id })).toEqual(before);
      expect(await database.claims.findOne({ _id: claimed.agent._id })).toMatchObject({ ownerId: owner.id });
    },
  );

  test.each(named(ofOwners))(
    '%s without a session is 401, whatever key or cookie comes with it',
    async (_, endpoint) => {
      const { apiKey } = await createTestAgent(database);
      const path = endpoint.path.replace(/:\w+/g, 'x');
      for (const cookies of [undefined, 'ac_dashboard_session=x.y.z', 'ac_dashboard_session=', ';;=;a', '\u00ff']) {
        const headers = { authorization: `Bearer ${apiKey}` };
        const answer = await callAs(url(), endpoint.method, path, { headers, cookies });
        expect([cookies, answer.status, answer.body?.code]).toEqual([cookies, 401, 'UNAUTHORIZED']);
      }
    },
  );
});
