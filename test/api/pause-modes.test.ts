import { ENDPOINTS } from '../../contract/endpoints';
import type { PauseMode } from '../../domain/guards';
import type { TestAgent } from '../support/agents';
import { groupCalls, outcomeOf } from '../support/groups';
import { pictureAs } from '../support/images';
import { pausingOwner } from '../support/releases';
import { useStack } from '../support/use-stack';
import { LOCAL_RECEIVERS } from '../support/receiver';

/** dashboard.md §8.3, the table of endpoints and modes: what it does not name is as without a pause. */
describe('what a paused agent can do', () => {
  const { stack, database } = useStack({
    env: LOCAL_RECEIVERS,
  });

  type Step = [operation: string, outcome: [number, string | undefined], note?: string];

  /** Every endpoint that takes a key, called by an agent in this mode, in one order. */
  async function outcomesIn(mode: PauseMode): Promise<Step[]> {
    const api = groupCalls(stack, database);
    const [p, q, r] = await api.three();
    const direct = (by: TestAgent, to: TestAgent, id: string) =>
      api.as(by, 'POST', '/v1/messages', { body: { to: api.handleOf(to), client_msg_id: id, content: { text: id } } });
    const opener = await direct(p, q, 'stored before');
    const conversation = opener.body.conversation_id;
    const inbound = (await direct(q, p, 'reply')).body.id;
    const group = await api.groupOf(p, q);
    const invited = [await api.agent(), await api.agent()];
    const invitations: string[] = [];
    for (const creator of invited) {
      const { body } = await api.as(creator, 'POST', '/v1/groups', {
        body: { name: 'asks', member_handles: [api.handleOf(p)] },
      });
      const [result] = body.add_results;
      invitations.push(result.invite_id);
    }
    const { owner, set } = await pausingOwner(stack, p);
    if (mode !== 'none') await set(p, mode);
    const steps: Step[] = [];
    const call = async (operation: string, method: string, path: string, body?: unknown, headers = {}) => {
      const answer = await api.as(p, method, path, { ...(body === undefined ? {} : { body }), headers });
      steps.push([operation, outcomeOf(answer)]);
      return answer;
    };
    const self = `/v1/agents/${api.handleOf(p)}`;
    const ofQ = api.handleOf(q);
    const picture = await pictureAs('png');
    const png = { 'content-type': 'image/png' };

    await call('sendMessage', 'POST', '/v1/messages', { to: ofQ, client_msg_id: 'new', content: { text: 'x' } });
    await call('sendMessage to a stranger', 'POST', '/v1/messages', {
      to: api.handleOf(r),
      client_msg_id: 'cold',
      content: { text: 'x' },
    });
    await call('sendMessage to a group', 'POST', '/v1/messages', {
      conversation_id: group,
      client_msg_id: 'g',
      content: { text: 'x' },
    });
    await call('sendMessage to nobody', 'POST', '/v1/messages', {
      to: 'never-was-here',
      client_msg_id: 'n',
      content: { text: 'x' },
    });
    await call('sendMessage to a group of others', 'POST', '/v1/messages', {
      conversation_id: (await api.groupOf(q, r)) as string,
      client_msg_id: 'o',
      content: { text: 'x' },
    });
    const replay = await call('sendMessage again', 'POST', '/v1/messages', {
      to: ofQ,
      client_msg_id: 'stored before',
      content: { text: 'stored before' },
    });
    expect(replay.body.id).toBe(opener.body.id);
    const synced = await call('syncMessages', 'GET', '/v1/messages/sync');
    steps.push(['rows of a sync', [synced.body.length === 0 ? 0 : 1, undefined]]);
    await call('syncMessages with a bad limit', 'GET', '/v1/messages/sync?limit=abc');
    await call('ackMessages with a broken body', 'POST', '/v1/messages/sync/ack', '{"last_');
    const [stored] = await database.envelopes.find({ recipientId: api.idOf(p), status: 'stored' }).toArray();
    expect(stored).toBeDefined();
    const shown = synced.body[0]?.delivery_id ?? 'del_none';
    await call('ackMessages', 'POST', '/v1/messages/sync/ack', { last_delivery_id: shown });
    const history = await call('readMessages', 'GET', `/v1/messages/${conversation}`);
    expect(history.body).toHaveLength(mode === 'none' ? 3 : 2);
    await call('listConversations', 'GET', '/v1/conversations');
    await call('listParticipants', 'GET', `/v1/conversations/${conversation}/participants`);
    await call('getConversationContext', 'GET', `/v1/conversations/${conversation}/context`);
    await call('markMessageRead', 'POST', `/v1/messages/${inbound}/read`);
    await call('hideMessage', 'DELETE', `/v1/messages/${inbound}`);
    await call('hideConversation', 'DELETE', `/v1/conversations/${conversation}`);
    const me = await call('getMe', 'GET', '/v1/agents/me');
    expect(me.body.paused_by_owner).toBe(mode);
    const seen = await api.as(q, 'GET', self);
    expect(JSON.stringify(seen.body)).not.toContain('paused');
    await call('updateProfile', 'PATCH', self, { description: 'still mine' });
    await call('setAvatar', 'PUT', `${self}/avatar`, picture, png);
    await call('removeAvatar', 'DELETE', `${self}/avatar`);
    const upload = await call('createUpload', 'POST', '/v1/uploads', {
      to: ofQ,
      filename: 'a.txt',
      content_type: 'text/plain',
      size: 3,
      sha256: 'a'.repeat(64),
    });
    await call('getAttachment', 'GET', `/v1/attachments/${upload.body?.attachment_id ?? 'att_none'}`);
    await call('addContact', 'POST', '/v1/contacts', { handle: api.handleOf(r) });
    await call('listContacts', 'GET', '/v1/contacts');
    await call('checkContact', 'GET', `/v1/contacts/${ofQ}`);
    await call('updateContact', 'PATCH', `/v1/contacts/${api.handleOf(r)}`, { notes: 'a note' });
    await call('removeContact', 'DELETE', `/v1/contacts/${api.handleOf(r)}`);
    await call('createMute', 'POST', '/v1/mutes', { target_kind: 'agent', target_handle: ofQ });
    await call('createMute of a group', 'POST', '/v1/mutes', { target_kind: 'conversation', target_id: group });
    await call('listMutes', 'GET', '/v1/mutes');
    await call('getAgentMute', 'GET', `/v1/mutes/agent/${ofQ}`);
    await call('getConversationMute', 'GET', `/v1/mutes/conversation/${group}`);
    await call('deleteAgentMute', 'DELETE', `/v1/mutes/agent/${ofQ}`);
    await call('deleteConversationMute', 'DELETE', `/v1/mutes/conversation/${group}`);
    await call('setPresence', 'PUT', '/v1/presence', { status: 'busy' });
    await call('getPresence', 'GET', `/v1/presence/${ofQ}`);
    await call('getPresences', 'POST', '/v1/presence/batch', { handles: [ofQ] });
    await call('createGroup', 'POST', '/v1/groups', { name: 'new', member_handles: [] });
    await call('getGroup', 'GET', `/v1/groups/${group}`);
    await call('updateGroup', 'PATCH', `/v1/groups/${group}`, { name: 'renamed' });
    await call('setGroupAvatar', 'PUT', `/v1/groups/${group}/avatar`, picture, png);
    await call('removeGroupAvatar', 'DELETE', `/v1/groups/${group}/avatar`);
    await api.saves(r, p);
    await call('addGroupMember', 'POST', `/v1/groups/${group}/members`, { handle: api.handleOf(r) });
    await call('promoteGroupMember', 'POST', `/v1/groups/${group}/members/${api.handleOf(r)}/promote`);
    await call('demoteGroupMember', 'POST', `/v1/groups/${group}/members/${api.handleOf(r)}/demote`);
    await call('removeGroupMember', 'DELETE', `/v1/groups/${group}/members/${api.handleOf(r)}`);
    await call('deleteGroup', 'DELETE', `/v1/groups/${group}`);
    await call('listGroupInvites', 'GET', '/v1/groups/invites');
    const joined = await call('acceptGroupInvite', 'POST', `/v1/groups/invites/${invitations[0]}/accept`);
    await call('rejectGroupInvite', 'DELETE', `/v1/groups/invites/${invitations[1]}`);
    await call('leaveGroup', 'POST', `/v1/groups/${joined.body?.group?.id ?? joined.body?.id}/leave`);
    await call('blockAgent', 'POST', `/v1/contacts/${ofQ}/block`);
    await call('unblockAgent', 'DELETE', `/v1/contacts/${ofQ}/block`);
    await call('reportAgent', 'POST', `/v1/contacts/${ofQ}/report`, { reason: 'a test' });
    const hook = await call('createWebhook', 'POST', '/v1/webhooks', {
      url: 'http://127.0.0.1:9/hook',
      events: ['message.new'],
    });
    await call('listWebhooks', 'GET', '/v1/webhooks');
    await call('getWebhook', 'GET', `/v1/webhooks/${hook.body?.id}`);
    const deliveries = `/v1/webhooks/${hook.body?.id}/deliveries`;
    await call('listWebhookDeliveries', 'GET', deliveries);
    await call('getWebhookDelivery', 'GET', `${deliveries}/whd_none`);
    await call('redeliverWebhook', 'POST', `${deliveries}/whd_none/redeliver`);
    const since = new Date().toISOString();
    await call('listWebhookEvents', 'GET', `/v1/webhooks/${hook.body?.id}/events`);
    await call('recoverWebhook', 'POST', `/v1/webhooks/${hook.body?.id}/recover`, { since });
    await call('updateWebhook', 'PATCH', `/v1/webhooks/${hook.body?.id}`, { description: 'mine' });
    await call('rotateWebhookSecret', 'POST', `/v1/webhooks/${hook.body?.id}/rotate-secret`);
    await call('revokePreviousSecret', 'DELETE', `/v1/webhooks/${hook.body?.id}/previous-secret`);
    await call('rotateWebhookKeyPair', 'POST', `/v1/webhooks/${hook.body?.id}/rotate-key`);
    await call('revokePreviousKeyPair', 'DELETE', `/v1/webhooks/${hook.body?.id}/previous-key`);
    await call('testWebhook', 'POST', `/v1/webhooks/${hook.body?.id}/test`);
    await call('deleteWebhook', 'DELETE', `/v1/webhooks/${hook.body?.id}`);
    await call('listAgentTurns', 'GET', '/v1/gateway/turns');
    const turn = '/v1/gateway/turns/exe_none';
    await call('getAgentTurn', 'GET', turn);
    await call('addTurnEvents', 'POST', `${turn}/events`, { events: [{ type: 'accept' }] });
    await call('completeAgentTurn', 'POST', `${turn}/complete`, { client_msg_id: 'c', content: { text: 'x' } });
    await call('failAgentTurn', 'POST', `${turn}/fail`, { error: { code: 'x', message: 'x' } });
    await call('rotateKey', 'POST', `${self}/rotate-key`);
    await call('verifyRotation', 'POST', `${self}/rotate-key/verify`, { pending_id: 'pnd_none', code: '123456' });
    expect((await owner.call('GET', `/dashboard/agents/${api.handleOf(p)}`)).body.paused_by_owner).toBe(mode);
    await call('deleteAgent', 'DELETE', self);
    return steps;
  }

  const REFUSED: Record<string, [number, string | undefined]> = {
    sendMessage: [403, 'AGENT_PAUSED_BY_OWNER'],
    'sendMessage to a stranger': [403, 'AGENT_PAUSED_BY_OWNER'],
    'sendMessage to a group': [403, 'AGENT_PAUSED_BY_OWNER'],
  };
  const EXCEPTIONS: Record<'send' | 'full', typeof REFUSED> = {
    send: REFUSED,
    full: {
      ...REFUSED,
      'rows of a sync': [0, undefined],
      'syncMessages with a bad limit': [200, undefined],
      'ackMessages with a broken body': [200, undefined],
    },
  };

  test('dashboard#17, dashboard#18: every endpoint in every mode answers as the table says', async () => {
    const free = await outcomesIn('none');
    const named = new Set(free.map(([operation]) => operation.split(' ')[0]));
    const takesKey = ENDPOINTS.filter(({ auth }) => auth === 'agent' || auth === 'any-status');
    expect(takesKey.filter(({ operationId }) => !named.has(operationId)).map((one) => one.operationId)).toEqual([]);
    expect(free.find(([operation]) => operation === 'sendMessage')?.[1][0]).toBe(201);
    expect(free.find(([operation]) => operation === 'sendMessage again')?.[1][0]).toBe(200);
    for (const mode of ['send', 'full'] as const) {
      const expected = free.map(([operation, outcome]) => [operation, EXCEPTIONS[mode][operation] ?? outcome]);
      expect([mode, await outcomesIn(mode)]).toEqual([mode, expected]);
    }
  });

  test('dashboard#17: a refused send names the pause, uses no budget and makes no conversation', async () => {
    const api = groupCalls(stack, database);
    const [p, q] = await api.two();
    const { set } = await pausingOwner(stack, p);
    const send = (id: string) =>
      api.as(p, 'POST', '/v1/messages', {
        body: { to: api.handleOf(q), client_msg_id: id, content: { text: 'x' } },
      });
    for (const mode of ['send', 'full'] as const) {
      await set(p, mode);
      const before = await database.guards.findOne({ _id: `sender:${api.idOf(p)}` });
      for (let index = 0; index < 3; index += 1) {
        const answer = await send(`refused-${index}`);
        expect(answer.status).toBe(403);
        expect(answer.body).toMatchObject({ code: 'AGENT_PAUSED_BY_OWNER', details: { paused_by_owner: mode } });
      }
      expect(await database.guards.findOne({ _id: `sender:${api.idOf(p)}` })).toEqual(before);
    }
    expect((await api.as(q, 'GET', '/v1/conversations')).body).toEqual([]);
    expect(await database.messages.countDocuments({ senderId: api.idOf(p) })).toBe(0);
    await set(p, 'none');
    expect((await send('refused-0')).status).toBe(201);
  });
});
