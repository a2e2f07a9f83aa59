import { accountDeletionId } from '../../workflows/messages/account-deletion';
import { codeFlowId, stateQuery, type CodeFlowName } from '../../workflows/messages/code-by-mail';
import { turnId } from '../../workflows/messages/turn';
import { call, createTestAgent, type CallAnswer } from '../support/agents';
import { clearCooldown, codeFor, notCode } from '../support/codes';
import { traceOf } from '../support/flow-traces';
import { afterSetCookie, callAs } from '../support/owners';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Histories are kept for long and read by many: a code, key or address in one of them is a leak. */
describe('what the lives of an account and of an owner leave in Temporal and in the logs', () => {
  const EMAIL = 'very-private-address@example.com';
  const HANDLE = 'secret-keeper';
  /** What must not be seen: keys, codes as they were typed. */
  const keys: string[] = [];
  const codes: string[] = [];
  const traces: Record<string, string> = {};

  const { stack, database, client, url } = useStack({ env: { LOG_LEVEL: 'debug' } });

  const request = (method: string, path: string, options: { key?: string; body?: object } = {}): Promise<CallAnswer> =>
    call(url(), method, path, options);

  /** Starts a flow over `path`, tries a wrong code and the right one, and keeps what is left of it. @returns the new key */
  async function pass(flow: CodeFlowName, mails: number, path: string, options: { key?: string; body?: object }) {
    const started = await request('POST', path, options);
    const pending_id: string = started.body.pending_id;
    const code = await codeFor(stack, EMAIL, mails);
    codes.push(code, notCode(code));
    const verify = (given: string) =>
      request('POST', `${path}/verify`, { ...options, body: { pending_id, code: given } });
    expect((await verify(notCode(code))).body.code).toBe('INVALID_CODE');
    const handle = client.workflow.getHandle(codeFlowId(flow, pending_id));
    expect(await handle.query(stateQuery)).toEqual({ stage: 'waiting_for_code', attempts: 1, mail: 'sent' });
    const verified = await verify(code);
    expect(await handle.result()).toEqual({ outcome: 'verified', attempts: 2 });
    traces[flow] = await traceOf(handle);
    const description = await handle.describe();
    expect(description.typedSearchAttributes.getAll().map(({ value }) => value)).toEqual(
      expect.arrayContaining([HANDLE, 'verified']),
    );
    await clearCooldown(database, EMAIL);
    const key: string = verified.body.api_key;
    keys.push(key);
    return key;
  }

  /** An owner signs in, claims an agent, refreshes and signs out. @returns the tokens and the key that were used */
  async function signInAndClaim(): Promise<string[]> {
    const post = (path: string, body?: object, cookies?: string) =>
      callAs(url(), 'POST', `/dashboard${path}`, { body, cookies });
    const { body } = await post('/auth/otp/request', { email: EMAIL });
    const pending_id: string = body.pending_id;
    const code = await codeFor(stack, EMAIL, 4);
    codes.push(code, notCode(code));
    expect((await post('/auth/otp/verify', { pending_id, code: notCode(code) })).body.code).toBe('INVALID_CODE');
    const verified = await post('/auth/otp/verify', { pending_id, code });
    const handle = client.workflow.getHandle(codeFlowId('sign-in', pending_id));
    expect(await handle.result()).toEqual({ outcome: 'verified', attempts: 2 });
    traces['sign-in'] = await traceOf(handle);
    const first = afterSetCookie('', verified.headers.getSetCookie());
    const { apiKey } = await createTestAgent(database);
    expect((await post('/agents/claim', { api_key: apiKey }, first)).status).toBe(201);
    const second = afterSetCookie(first, (await post('/auth/refresh', undefined, first)).headers.getSetCookie());
    expect((await post('/auth/refresh', undefined, first)).status).toBe(200);
    expect((await post('/auth/logout/all', undefined, second)).status).toBe(200);
    expect((await post('/auth/refresh', undefined, second)).status).toBe(401);
    return [apiKey, ...[first, second].flatMap((pairs) => pairs.split('; ').map((pair) => pair.split('=')[1] ?? ''))];
  }

  test('no code, key, token, address or profile is in a history, memo, search attribute or log', async () => {
    const profile = { display_name: 'Private Name', description: 'Private words' };
    await pass('registration', 1, '/v1/register', { body: { handle: HANDLE, email: EMAIL, ...profile } });
    const recovered = await pass('recovery', 2, '/v1/agents/recover', { body: { email: EMAIL } });
    const key = await pass('rotation', 3, `/v1/agents/${HANDLE}/rotate-key`, { key: recovered });
    const agent = await database.agents.findOne({ handle: HANDLE });
    expect((await request('DELETE', `/v1/agents/${HANDLE}`, { key })).status).toBe(200);
    const deletion = client.workflow.getHandle(accountDeletionId(agent?._id ?? ''));
    await deletion.result();
    traces['account-deletion'] = await traceOf(deletion);

    const person = await signInAndClaim();
    const logs = [...stack.apis, ...stack.workers].flatMap((child) => child.tail()).join('\n');
    expect(logs).toContain('"event":"request"');
    const secret = stack.secretKeys.split(':')[1] ?? 'no secret';
    expect(keys).toHaveLength(3);
    for (const [flow, trace] of Object.entries(traces)) expect(trace).toContain(flow === 'sign-in' ? 'dpnd_' : HANDLE);
    for (const text of [...Object.values(traces), logs]) {
      for (const hidden of [...keys, ...person, 'very-private-address', 'Private Name', 'Private words', secret]) {
        expect(text).not.toContain(hidden);
      }
      // Six digits can stand in a timestamp by chance: the code counts only where it stands alone.
      for (const digits of codes) expect(text).not.toMatch(new RegExp(`"${digits}"`));
    }
  });

  test('of a user of the chat gateway: no word, token, address or name, also while the database refuses', async () => {
    const email = 'private-user-address@example.com';
    const auth = async (step: string, body: object): Promise<CallAnswer['body']> =>
      (await request('POST', `/api/auth/${step}`, { body })).body;
    await auth('email/request', { email });
    const code = await codeFor(stack, email);
    expect((await auth('email/verify', { email, code: notCode(code) })).code).toBe('UNAUTHORIZED');
    const first = await auth('email/verify', { email, code });
    const second = await auth('refresh', { refresh_token: first.refresh_token });
    const tokens: string[] = [first, second].flatMap((one) => [one.access_token, one.refresh_token]);
    await database.owners.updateOne({ _id: first.user.id }, { $set: { displayName: 'Private User' } });

    const agent = await SdkAgent.create(database, url());
    await agent.connect();
    const say = (message: string) =>
      request('POST', `/api/agents/${agent.handle}/chat`, {
        key: second.access_token,
        body: { message, stream: false, system_prompt: 'private prompt' },
      });
    const reply = (metadata: object) =>
      agent.client.sendMessage({
        to: agent.received.at(-1)?.sender ?? '',
        content: { text: 'private answer' },
        client_msg_id: `private-${agent.received.length}`,
        metadata: { ...metadata },
      });
    const asked = (count: number) => waitFor(() => agent.received.length === count, { describe: `${count} messages` });
    const waiting = [say('private question')];
    await asked(1);
    await reply({});
    expect((await waiting[0])?.status).toBe(200);
    waiting.push(say('private trouble'));
    await asked(2);
    await reply({ gateway: { error: { code: 'private-code', message: 'private fault' } } });
    expect((await waiting[1])?.status).toBe(502);

    waiting.push(say('private refusal'));
    await asked(3);
    const { _id: id } = (await database.gatewayExecutions.findOne({ message: 'private refusal' })) ?? { _id: '' };
    const open = client.workflow.getHandle(turnId(id));
    await waitFor(() => open.describe());
    // A validator that no row meets: the write fails with an error that quotes the document.
    const { validator } = await database.gatewayExecutions.options();
    await database.db.command({ collMod: 'gatewayExecutions', validator: { never: { $exists: true } } });
    await open.cancel();
    const failure = await waitFor(async () => {
      const pending = (await open.describe()).raw.pendingActivities ?? [];
      return pending.map(({ lastFailure }) => JSON.stringify(lastFailure ?? null)).find((text) => text !== 'null');
    });
    await database.db.command({ collMod: 'gatewayExecutions', validator });
    expect((await waiting[2])?.status).toBe(409);
    agent.disconnect();

    const left = [failure];
    for await (const { workflowId } of client.workflow.list({ query: "WorkflowType IN ('turn', 'signIn')" })) {
      const handle = client.workflow.getHandle(workflowId);
      await handle.result().catch(() => undefined);
      left.push((await traceOf(handle)) + JSON.stringify(await handle.query('__temporal_workflow_metadata')));
    }
    expect(left.filter((trace) => trace.includes(agent.handle))).toHaveLength(3);
    const metrics = await request('GET', '/internal/metrics');
    left.push(metrics.text, [...stack.apis, ...stack.workers].flatMap((child) => child.tail()).join('\n'));
    expect(left.at(-1)).toContain('"event":"activity.failed"');
    for (const text of left) {
      for (const hidden of ['private', 'Private', ...tokens, agent.received[0]?.sender ?? 'nobody']) {
        expect([hidden, text.includes(hidden)]).toEqual([hidden, false]);
      }
      expect(text).not.toMatch(new RegExp(`"${code}"`));
    }
  });
});
