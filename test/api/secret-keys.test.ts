import { randomBytes } from 'node:crypto';
import { call, createTestAgent } from '../support/agents';
import { codeFor } from '../support/codes';
import type { ApiChild } from '../support/stack';
import { useStack } from '../support/use-stack';

/** Operators change keys while codes are in mailboxes: the first key signs, all that are listed verify. */
describe('SECRET_KEYS', () => {
  const { stack, database, url } = useStack();

  const newKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

  /** All processes of the stack with other keys. */
  async function restart(keys: string): Promise<ApiChild> {
    for (const child of [...stack.apis, ...stack.workers]) if (child.isRunning()) await stack.terminate(child);
    await stack.startWorker({ SECRET_KEYS: keys });
    return stack.startApi({ SECRET_KEYS: keys });
  }

  test('codes made under an old key verify while it is still listed; without it they have expired', async () => {
    const agents = [await createTestAgent(database), await createTestAgent(database)];
    const base = url();
    const started = await Promise.all(
      agents.map(({ agent }) => call(base, 'POST', '/v1/agents/recover', { body: { email: agent.email } })),
    );
    const registered = await call(base, 'POST', '/v1/register', {
      body: { handle: 'under-old-key', email: 'under-old-key@example.com' },
    });
    const codes = await Promise.all(agents.map(({ agent }) => codeFor(stack, agent.email)));
    const verify = (api: ApiChild, index: number) =>
      call(api.baseUrl, 'POST', '/v1/agents/recover/verify', {
        body: { pending_id: started[index]?.body.pending_id, code: codes[index] },
      });

    const fresh = newKey('fresh');
    const both = await restart(`${fresh},${stack.secretKeys}`);
    expect(await verify(both, 0)).toMatchObject({ status: 200, body: { handle: agents[0]?.agent.handle } });
    const made = await call(both.baseUrl, 'POST', '/v1/register/verify', {
      body: { pending_id: registered.body.pending_id, code: await codeFor(stack, 'under-old-key@example.com') },
    });
    expect(made.status).toBe(201);
    const next = await createTestAgent(database);
    const nextStarted = await call(both.baseUrl, 'POST', '/v1/agents/recover', { body: { email: next.agent.email } });
    const nextCode = await codeFor(stack, next.agent.email);
    expect(await database.pendings.findOne({ _id: nextStarted.body.pending_id })).toMatchObject({ keyId: 'fresh' });

    const without = await restart(fresh);
    expect(await verify(without, 1)).toMatchObject({ status: 400, body: { code: 'EXPIRED' } });
    const body = { pending_id: nextStarted.body.pending_id, code: nextCode };
    expect((await call(without.baseUrl, 'POST', '/v1/agents/recover/verify', { body })).status).toBe(200);
  });
});
