import { randomUUID } from 'node:crypto';
import type { Database } from '../../store/schema/database';
import { setBlock } from '../../store/contacts/relations';
import type { CallAnswer, TestAgent } from './agents';
import { codeFor } from './codes';
import { signInUser } from './gateway';
import { groupCalls } from './groups';
import { pictureAs } from './images';
import type { Stack } from './stack';
import { waitFor } from './wait';
import { seedDeliveries } from './webhook-rig';

/** A call of `who` that succeeds, once. */
export interface AgentWrite {
  who: TestAgent;
  path: string;
  /** Sent as JSON, bytes as they are. Absent: the endpoint has no use for one. */
  body?: object | Buffer;
}

/** For each call by which agents change something: a situation in which it has an effect, made anew each time. */
export function agentWrites(stack: Stack, database: Database): Record<string, () => Promise<AgentWrite>> {
  const api = groupCalls(stack, database);
  const done = async (answer: Promise<CallAnswer>): Promise<CallAnswer> => {
    const got = await answer;
    if (got.status >= 300) throw new Error(`the preparation failed: ${got.status} ${got.text}`);
    return got;
  };
  const say = (from: TestAgent, to: TestAgent) =>
    done(
      api.as(from, 'POST', '/v1/messages', {
        body: { to: api.handleOf(to), client_msg_id: randomUUID(), content: { text: 'hello' } },
      }),
    );
  /** `p` and `q`, and what `p` got from `q`. */
  const received = async () => {
    const [p, q] = await api.two();
    const { id, conversation_id: conversation } = (await say(q, p)).body;
    return { who: p, q, id: id as string, conversation: conversation as string };
  };
  const self = (who: TestAgent) => `/v1/agents/${api.handleOf(who)}`;
  const contact = async (more = '', body?: object): Promise<AgentWrite> => {
    const [who, q] = await api.two();
    await api.saves(who, q);
    return { who, path: `/v1/contacts/${api.handleOf(q)}${more}`, ...(body === undefined ? {} : { body }) };
  };
  const mute = async (who: TestAgent, body: object) => done(api.as(who, 'POST', '/v1/mutes', { body }));
  const group = async (more: (member: string) => string, body?: object | Buffer): Promise<AgentWrite> => {
    const [who, q] = await api.two();
    const id = await api.groupOf(who, q);
    return { who, path: `/v1/groups/${id}${more(api.handleOf(q))}`, ...(body === undefined ? {} : { body }) };
  };
  const picture = () => pictureAs('png');
  const inGroup = async (prepare: (write: AgentWrite) => Promise<unknown>, made: Promise<AgentWrite>) => {
    const write = await made;
    await prepare(write);
    return write;
  };
  const invited = async (more: string): Promise<AgentWrite> => {
    const [who, q] = await api.two();
    const { body } = await done(
      api.as(q, 'POST', '/v1/groups', { body: { name: 'asks', member_handles: [api.handleOf(who)] } }),
    );
    return { who, path: `/v1/groups/invites/${body.add_results[0].invite_id}${more}` };
  };
  const webhook = { url: 'http://127.0.0.1:9/hook', events: ['message.new'] };
  const hooked = async () => {
    const who = await api.agent();
    const { body } = await done(api.as(who, 'POST', '/v1/webhooks', { body: webhook }));
    const hook = await database.webhooks.findOne({ _id: body.id as string });
    if (hook === null) throw new Error('a webhook that was just made is gone');
    return { who, hook };
  };
  const ofHook = async (more: string, body?: object): Promise<AgentWrite> => {
    const { who, hook } = await hooked();
    return { who, path: `/v1/webhooks/${hook._id}${more}`, ...(body === undefined ? {} : { body }) };
  };
  const ofSignedHook = async (more: string, body?: object): Promise<AgentWrite> => {
    const write = await ofHook(more, body);
    const path = write.path.slice(0, -more.length);
    await done(api.as(write.who, 'PATCH', path, { body: { ed25519_signature: true } }));
    return write;
  };
  const turn = async (more: string, body: object): Promise<AgentWrite> => {
    const [user, who] = await Promise.all([signInUser(stack), api.agent()]);
    const path = `/api/agents/${api.handleOf(who)}/task`;
    const given = await done(user.call('POST', path, { body: { message: 'Count' } }));
    const id = given.headers.get('x-execution-id') ?? '';
    const handedOver = async () => (await api.as(who, 'GET', `/v1/gateway/turns/${id}`)).status === 200;
    await waitFor(handedOver, { describe: 'the turn' });
    return { who, path: `/v1/gateway/turns/${id}${more}`, body };
  };

  return {
    sendMessage: async () => {
      const [who, q] = await api.two();
      const body = { to: api.handleOf(q), client_msg_id: randomUUID(), content: { text: 'hello' } };
      return { who, path: '/v1/messages', body };
    },
    ackMessages: async () => {
      const { who } = await received();
      const [{ delivery_id: last }] = await api.sync(who);
      return { who, path: '/v1/messages/sync/ack', body: { last_delivery_id: last as string } };
    },
    markMessageRead: async () => {
      const { who, id } = await received();
      return { who, path: `/v1/messages/${id}/read` };
    },
    hideMessage: async () => {
      const { who, id } = await received();
      return { who, path: `/v1/messages/${id}` };
    },
    hideConversation: async () => {
      const { who, conversation } = await received();
      return { who, path: `/v1/conversations/${conversation}` };
    },
    updateProfile: async () => {
      const who = await api.agent();
      return { who, path: self(who), body: { display_name: 'Thief', settings: { inbox_mode: 'contacts_only' } } };
    },
    setAvatar: async () => {
      const who = await api.agent();
      return { who, path: `${self(who)}/avatar`, body: await picture() };
    },
    removeAvatar: async () => {
      const who = await api.agent();
      await done(api.as(who, 'PUT', `${self(who)}/avatar`, { body: new Uint8Array(await picture()) }));
      return { who, path: `${self(who)}/avatar` };
    },
    createUpload: async () => {
      const [who, q] = await api.two();
      const file = { filename: 'a.txt', content_type: 'text/plain', size: 3, sha256: 'a'.repeat(64) };
      return { who, path: '/v1/uploads', body: { to: api.handleOf(q), ...file } };
    },
    addContact: async () => {
      const [who, q] = await api.two();
      return { who, path: '/v1/contacts', body: { handle: api.handleOf(q) } };
    },
    updateContact: () => contact('', { notes: 'a note' }),
    removeContact: () => contact(),
    blockAgent: () => contact('/block'),
    unblockAgent: async () => {
      const [who, q] = await api.two();
      await setBlock(database, { from: api.idOf(who), to: api.idOf(q), at: new Date() });
      return { who, path: `/v1/contacts/${api.handleOf(q)}/block` };
    },
    reportAgent: () => contact('/report', { reason: 'a test' }),
    createMute: async () => {
      const [who, q] = await api.two();
      return { who, path: '/v1/mutes', body: { target_kind: 'agent', target_handle: api.handleOf(q) } };
    },
    deleteAgentMute: async () => {
      const [who, q] = await api.two();
      await mute(who, { target_kind: 'agent', target_handle: api.handleOf(q) });
      return { who, path: `/v1/mutes/agent/${api.handleOf(q)}` };
    },
    deleteConversationMute: async () => {
      const { who, conversation } = await received();
      await mute(who, { target_kind: 'conversation', target_id: conversation });
      return { who, path: `/v1/mutes/conversation/${conversation}` };
    },
    setPresence: async () => ({ who: await api.agent(), path: '/v1/presence', body: { status: 'busy' } }),
    getPresences: async () => {
      const [who, q] = await api.two();
      return { who, path: '/v1/presence/batch', body: { handles: [api.handleOf(q)] } };
    },
    createGroup: async () => {
      const [who, q] = await api.two();
      return { who, path: '/v1/groups', body: { name: 'new', member_handles: [api.handleOf(q)] } };
    },
    updateGroup: () => group(() => '', { name: 'renamed' }),
    deleteGroup: () => group(() => ''),
    setGroupAvatar: async () => group(() => '/avatar', await picture()),
    removeGroupAvatar: async () => {
      const body = new Uint8Array(await picture());
      return inGroup(
        ({ who, path }) => done(api.as(who, 'PUT', path, { body })),
        group(() => '/avatar'),
      );
    },
    leaveGroup: () => group(() => '/leave'),
    addGroupMember: async () => {
      const [who, q] = await api.two();
      return { who, path: `/v1/groups/${await api.groupOf(who)}/members`, body: { handle: api.handleOf(q) } };
    },
    removeGroupMember: () => group((member) => `/members/${member}`),
    promoteGroupMember: () => group((member) => `/members/${member}/promote`),
    demoteGroupMember: () =>
      inGroup(
        ({ who, path }) => done(api.as(who, 'POST', path.replace('/demote', '/promote'))),
        group((member) => `/members/${member}/demote`),
      ),
    acceptGroupInvite: () => invited('/accept'),
    rejectGroupInvite: () => invited(''),
    createWebhook: async () => ({ who: await api.agent(), path: '/v1/webhooks', body: webhook }),
    deleteWebhook: async () => {
      const who = await api.agent();
      const { body } = await done(api.as(who, 'POST', '/v1/webhooks', { body: webhook }));
      return { who, path: `/v1/webhooks/${body.id}` };
    },
    updateWebhook: () => ofHook('', { description: 'of a thief' }),
    rotateWebhookSecret: () => ofHook('/rotate-secret', {}),
    revokePreviousSecret: async () => {
      const write = await ofHook('/previous-secret');
      await done(api.as(write.who, 'POST', write.path.replace('/previous-secret', '/rotate-secret')));
      return write;
    },
    rotateWebhookKeyPair: () => ofSignedHook('/rotate-key', {}),
    revokePreviousKeyPair: async () => {
      const write = await ofSignedHook('/previous-key');
      await done(api.as(write.who, 'POST', write.path.replace('/previous-key', '/rotate-key')));
      return write;
    },
    testWebhook: () => ofHook('/test', {}),
    redeliverWebhook: async () => {
      const { who, hook } = await hooked();
      const at = new Date();
      const ended = { status: 'dead' as const, attempts: 9, deadAt: at, nextAttemptAt: null };
      const [delivery] = await seedDeliveries(database, hook, 1, {
        ...ended,
        expiresAt: new Date(at.getTime() + 86_400_000),
      });
      return { who, path: `/v1/webhooks/${hook._id}/deliveries/${delivery?._id}/redeliver` };
    },
    recoverWebhook: async () => {
      const { who, hook } = await hooked();
      const body = { since: new Date(Date.now() - 60_000).toISOString() };
      return { who, path: `/v1/webhooks/${hook._id}/recover`, body };
    },
    addTurnEvents: () => turn('/events', { events: [{ type: 'progress', label: 'At work' }] }),
    completeAgentTurn: () => turn('/complete', { client_msg_id: randomUUID(), content: { text: 'Done' } }),
    failAgentTurn: () => turn('/fail', { error: { code: 'no', message: 'No' } }),
    rotateKey: async () => {
      const who = await api.agent();
      return { who, path: `${self(who)}/rotate-key` };
    },
    verifyRotation: async () => {
      const who = await api.agent();
      const { body } = await done(api.as(who, 'POST', `${self(who)}/rotate-key`));
      const code = await codeFor(stack, who.agent.email);
      return { who, path: `${self(who)}/rotate-key/verify`, body: { pending_id: body.pending_id as string, code } };
    },
    deleteAgent: async () => {
      const who = await api.agent();
      return { who, path: self(who) };
    },
  };
}
