import { inboxInId } from '../../domain/guards';
import { setStatus } from '../../store/accounts/account-facts';
import { deleteWebhook } from '../../store/webhooks/set-webhook';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { setMute } from '../../store/contacts/set-mute';
import { addContact, setBlock } from '../../store/contacts/relations';
import { accountDeletionId } from '../../workflows/messages/account-deletion';
import { SocketClient } from '../realtime/socket-client';
import { call, createTestAgent, type TestAgent } from '../support/agents';
import { codeFor } from '../support/codes';
import { pictureAs } from '../support/images';
import { waitFor } from '../support/wait';
import { intentWorker } from '../support/intents';
import { addWebhook } from '../support/webhooks';
import { useStack } from '../support/use-stack';

describe('account deletion', () => {
  const { stack, database, client: temporal, url } = useStack({ apis: 2 });
  const as = ({ apiKey }: TestAgent, method: string, path: string, body?: object, node = 0) =>
    call(url(node), method, path, { key: apiKey, ...(body === undefined ? {} : { body }) });
  const remove = (one: TestAgent, handle = one.agent.handle) => as(one, 'DELETE', `/v1/agents/${handle}`);
  const flowOf = ({ agent }: TestAgent) => temporal.workflow.getHandle(accountDeletionId(agent._id));
  /** The flow's result. Its start may come after the answer: the relay makes it certain. */
  const endOf = (one: TestAgent) => waitFor(() => flowOf(one).result());
  const ALL_STEPS = {
    stage: 'done',
    done: ['sockets', 'webhooks', 'pendings', 'contact_books', 'invitations', 'avatar', 'mutes'],
  };

  test('identity#23: what ends with the account ends before the answer, on every node', async () => {
    const [one, peer] = [await createTestAgent(database), await createTestAgent(database)];
    await as(one, 'POST', '/v1/messages', {
      to: peer.agent.handle,
      client_msg_id: 'last-words',
      content: { text: 'x' },
    });
    await as(peer, 'POST', '/v1/contacts', { handle: one.agent.handle });
    const sockets = await Promise.all([0, 1].map((node) => SocketClient.hello(url(node), one.apiKey)));
    const deleted = await remove(one);
    expect(deleted).toMatchObject({ status: 200, body: { message: expect.any(String) } });
    for (const node of [0, 1]) {
      expect((await as(one, 'GET', '/v1/agents/me', undefined, node)).status).toBe(401);
      const sent = await as(
        peer,
        'POST',
        '/v1/messages',
        { to: one.agent.handle, client_msg_id: 'too-late', content: { text: 'x' } },
        node,
      );
      expect(sent).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
      expect((await as(peer, 'GET', '/v1/contacts', undefined, node)).body).toMatchObject({ total: 0, contacts: [] });
      const profile = await call(url(node), 'GET', `/v1/agents/${one.agent.handle}`);
      expect(profile).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
      const found = await call(url(node), 'GET', `/v1/directory?q=${one.agent.handle}`);
      expect(found.body).toMatchObject({ agents: [], total: 0 });
    }
    for (const socket of sockets) {
      expect(await socket.untilClosed(2_000)).toEqual({ code: 1008, reason: 'Account deleted' });
    }
    const [old] = (await as(peer, 'GET', '/v1/messages/sync')).body;
    expect(old).toMatchObject({ sender: one.agent.handle, content: { text: 'x' } });
    expect(
      await database.auditEvents.find({ targetId: one.agent._id, action: 'agent.deleted' }).toArray(),
    ).toMatchObject([{ actorType: 'agent', actorId: one.agent._id }]);
    expect(await endOf(one)).toEqual(ALL_STEPS);
  });

  test('identity#23: the handle is never free again, the email at once; the next account is a new one', async () => {
    const one = await createTestAgent(database);
    await remove(one);
    const register = (handle: string) =>
      call(url(), 'POST', '/v1/register', { body: { handle, email: one.agent.email } });
    expect(await register(one.agent.handle)).toMatchObject({ status: 409, body: { code: 'HANDLE_TAKEN' } });
    const { body } = await register('second-life');
    const code = await codeFor(stack, one.agent.email);
    const made = await call(url(), 'POST', '/v1/register/verify', { body: { pending_id: body.pending_id, code } });
    expect(made).toMatchObject({ status: 201, body: { agent: { handle: 'second-life', email: one.agent.email } } });
    expect(made.body.agent.id).not.toBe(one.agent._id);
    expect((await call(url(), 'GET', '/v1/agents/me', { key: one.apiKey })).status).toBe(401);
  });

  test('identity#24: a suspended agent cannot delete itself', async () => {
    const one = await createTestAgent(database);
    await setStatus(database, one.agent._id, 'suspended', new Date());
    expect(await remove(one)).toMatchObject({ status: 403, body: { code: 'SUSPENDED' } });
    await expect(deleteAgent(database, one.agent._id, new Date(), 1)).rejects.toMatchObject({ code: 'SUSPENDED' });
    expect(await database.agents.findOne({ _id: one.agent._id })).toMatchObject({ status: 'suspended' });
  });

  test('identity#19: only the own handle, in any spelling; a system agent is protected; a repeat is 401', async () => {
    const [one, other] = [await createTestAgent(database), await createTestAgent(database)];
    expect(await remove(one, other.agent.handle)).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(await remove(one, 'never-was')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    const system = await createTestAgent(database, { isSystem: true });
    expect(await remove(system)).toMatchObject({ status: 409, body: { code: 'SYSTEM_AGENT_PROTECTED' } });
    expect((await remove(one, `%40${one.agent.handle.toUpperCase()}`)).status).toBe(200);
    expect((await remove(one)).status).toBe(401);
    expect((await as(other, 'GET', '/v1/agents/me')).status).toBe(200);
  });

  test('pending verifications, mutes and group invitations of the account go, those of others stay', async () => {
    const [one, other] = [await createTestAgent(database), await createTestAgent(database)];
    const [a, b] = [one.agent._id, other.agent._id];
    const at = new Date();
    await addContact(database, { from: b, to: a, at });
    await setMute(database, { muterId: a, kind: 'agent', targetId: b, mutedUntil: null, at });
    await setMute(database, { muterId: b, kind: 'agent', targetId: a, mutedUntil: null, at });
    const invitation = (inviterId: string, inviteeId: string) => ({
      _id: `gri_${inviterId}${inviteeId}`,
      groupId: `grp_${inviterId}${inviteeId}`,
      inviterId,
      inviteeId,
      inviterHandle: 'somebody',
      createdAt: at,
    });
    await database.invitations.insertMany([invitation(a, b), invitation(b, a), invitation(b, 'agt_third')]);
    const rotation = await as(one, 'POST', `/v1/agents/${one.agent.handle}/rotate-key`);
    const theirs = await as(other, 'POST', `/v1/agents/${other.agent.handle}/rotate-key`);
    await remove(one);
    expect(await endOf(one)).toEqual(ALL_STEPS);
    expect(await database.pendings.findOne({ _id: rotation.body.pending_id })).toBeNull();
    expect(await database.pendings.findOne({ _id: theirs.body.pending_id })).not.toBeNull();
    expect((await database.mutes.find({}).toArray()).map(({ muterId }) => muterId)).toEqual([b]);
    expect((await database.invitations.find({}).toArray()).map(({ inviteeId }) => inviteeId)).toEqual(['agt_third']);
    expect(await database.contacts.findOne({ _id: `${b}:${a}` })).toMatchObject({ isHidden: true });
    await waitFor(async () => (await database.outbox.countDocuments({ targetId: a })) === 0);
  });

  test('its webhooks, what they were to be sent and its dead letters go; those of others stay', async () => {
    const [one, other] = [await createTestAgent(database), await createTestAgent(database)];
    const [a, b] = [one.agent._id, other.agent._id];
    await addWebhook(database, a, ['contact.blocked']);
    await addWebhook(database, b, ['contact.blocked']);
    const dead = await addWebhook(database, a, ['contact.blocked']);
    await setBlock(database, { from: a, to: b, at: new Date() });
    await setBlock(database, { from: b, to: a, at: new Date() });
    await intentWorker(database).expandAll();
    await database.deliveries.updateOne({ webhookId: dead._id }, { $set: { status: 'dead', nextAttemptAt: null } });
    await deleteWebhook(database, { agentId: a, id: dead._id, at: new Date() });
    expect(await database.deliveries.countDocuments({ agentId: a })).toBe(2);
    await remove(one);
    expect(await endOf(one)).toEqual(ALL_STEPS);
    expect(await database.webhooks.countDocuments({ agentId: a })).toBe(0);
    expect(await database.deliveries.countDocuments({ agentId: a })).toBe(0);
    expect(await database.deliveries.countDocuments({ agentId: b })).toBe(1);
  });

  test('the picture of the account goes, row and object', async () => {
    const one = await createTestAgent(database);
    const body = new Uint8Array(await pictureAs('png'));
    const shown = await call(url(), 'PUT', `/v1/agents/${one.agent.handle}/avatar`, { key: one.apiKey, body });
    expect(shown.status).toBe(200);
    const path = new URL(shown.body.avatar_url).pathname;
    expect((await fetch(url(1) + path)).status).toBe(200);
    await remove(one);
    expect(await endOf(one)).toEqual(ALL_STEPS);
    expect((await fetch(url(1) + path)).status).toBe(404);
    expect(await database.agents.findOne({ _id: one.agent._id })).toMatchObject({ avatarKey: null });
  });

  test('deletions at once free one place of the email and leave one event and one flow', async () => {
    const one = await createTestAgent(database);
    const answers = await Promise.all(
      [0, 1, 0, 1].map((node) => as(one, 'DELETE', `/v1/agents/${one.agent.handle}`, undefined, node)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401]);
    expect(await database.auditEvents.countDocuments({ targetId: one.agent._id, action: 'agent.deleted' })).toBe(1);
    expect(await database.emailGuards.countDocuments({ live: { $lt: 0 } })).toBe(0);
    expect(await database.guards.findOne({ _id: inboxInId(one.agent._id) })).toMatchObject({ status: 'deleted' });
  });

  test('an account deletion whose api died after the cut-over closes the sockets once a worker is back', async () => {
    const one = await createTestAgent(database);
    for (const worker of stack.workers.filter((child) => child.isRunning())) await stack.kill(worker);
    const socket = await SocketClient.hello(url(1), one.apiKey);
    await deleteAgent(database, one.agent._id, new Date());
    await stack.startWorker();
    const progress = await waitFor(() => flowOf(one).result(), {
      describe: 'the flow of the deletion',
    });
    expect(progress).toEqual(ALL_STEPS);
    expect(await socket.untilClosed()).toEqual({ code: 1008, reason: 'Account deleted' });
  });

  test('workers that die in the middle of a deletion leave no step out', async () => {
    const agents = await Promise.all(Array.from({ length: 3 }, () => createTestAgent(database)));
    const other = await createTestAgent(database);
    for (const { agent } of agents) {
      await setMute(database, {
        muterId: agent._id,
        kind: 'agent',
        targetId: other.agent._id,
        mutedUntil: null,
        at: new Date(),
      });
    }
    for (const one of agents) {
      expect((await remove(one)).status).toBe(200);
      for (const worker of stack.workers.filter((child) => child.isRunning())) await stack.kill(worker);
      await stack.startWorker();
    }
    for (const one of agents) {
      const progress = await waitFor(() => flowOf(one).result(), { timeoutMs: 120_000 });
      expect(progress).toEqual(ALL_STEPS);
    }
    expect(await database.mutes.countDocuments({ muterId: { $in: agents.map(({ agent }) => agent._id) } })).toBe(0);
  });
});
