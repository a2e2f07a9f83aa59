import type { Database } from '../../store/schema/database';
import { SocketClient } from '../realtime/socket-client';
import { call, type Parsed, type TestAgent } from './agents';
import type { CrawlPlaces } from './crawl';
import { groupCalls } from './groups';
import { claim, signInOwner, type TestOwner } from './owners';
import type { Stack } from './stack';

/** An owner's agent with something in every view. */
export interface World {
  owner: TestOwner;
  agent: TestAgent;
  peer: TestAgent;
  stranger: TestAgent;
  groupId: string;
  places: CrawlPlaces;
}

let made = 0;

export async function seedConversation(
  stack: Pick<Stack, 'baseUrls'>,
  { from, to, count }: { from: TestAgent; to: TestAgent; count: number },
): Promise<string> {
  let conversationId = '';
  for (let index = 0; index < count; index += 1) {
    const body = {
      to: to.agent.handle,
      client_msg_id: `w-${(made += 1)}`,
      content: { text: `text ${made}`, data: { n: made } },
    };
    const answer = await call(stack.baseUrls[0] ?? '', 'POST', '/v1/messages', { key: from.apiKey, body });
    if (answer.status !== 201) throw new Error(`not sent: ${answer.status} ${answer.text}`);
    conversationId = answer.body.conversation_id;
  }
  return conversationId;
}

/** Unread and read messages, a group, a contact with notes, a block, mutes, a hidden message, a webhook. */
export async function startWorld(stack: Stack, database: Database): Promise<World> {
  const owner = await signInOwner(stack);
  const { as, three, groupOf, send } = groupCalls(stack, database);
  const [agent, peer, stranger] = await three();
  await claim(owner, agent);
  const conversationId = await seedConversation(stack, { from: agent, to: peer, count: 1 });
  await seedConversation(stack, { from: peer, to: agent, count: 4 });
  const [hidden, read] = (await as(agent, 'GET', `/v1/messages/${conversationId}`)).body;
  await as(agent, 'DELETE', `/v1/messages/${hidden.id}`);
  await as(agent, 'POST', `/v1/messages/${read.id}/read`);
  const groupId = await groupOf(peer, agent, stranger);
  await send(stranger, groupId, 'in the group');
  await as(agent, 'POST', `/v1/contacts/${stranger.agent.handle}/block`);
  await as(agent, 'POST', '/v1/mutes', { body: { target_kind: 'conversation', target_id: groupId } });
  await as(agent, 'PUT', '/v1/presence', { body: { status: 'busy', custom_message: 'thinking' } });
  const targets = [agent, peer, stranger].map((who) => who.agent.handle);
  return {
    owner,
    agent,
    peer,
    stranger,
    groupId,
    places: { conversationIds: [conversationId], groupIds: [groupId], targets },
  };
}

/** Everything that these agents can find out about themselves and each other, by what they can ask. */
export async function agentVisibleState(stack: Stack, agents: TestAgent[], { conversationIds, groupIds }: CrawlPlaces) {
  const seen: Record<string, Parsed> = {};
  for (const who of agents) {
    const paths = [
      '/v1/agents/me',
      '/v1/messages/sync?limit=500',
      '/v1/conversations',
      ...[...conversationIds, ...groupIds].flatMap((id) => [
        `/v1/messages/${id}`,
        `/v1/conversations/${id}/context`,
        `/v1/conversations/${id}/participants`,
      ]),
      ...groupIds.map((id) => `/v1/groups/${id}`),
      '/v1/groups/invites',
      '/v1/contacts',
      '/v1/mutes',
      '/v1/webhooks',
      ...agents.flatMap(({ agent: { handle } }) => [
        `/v1/agents/${handle}`,
        `/v1/presence/${handle}`,
        `/v1/contacts/${handle}`,
      ]),
      `/v1/directory?q=${who.agent.handle}`,
    ];
    for (const path of paths) {
      const { status, body } = await call(stack.baseUrls[0] ?? '', 'GET', path, { key: who.apiKey });
      seen[`${who.agent.handle} ${path}`] = { status, body };
    }
  }
  return seen;
}

/** Sockets of these agents that keep every frame. */
export async function listen(stack: Stack, agents: TestAgent[]): Promise<SocketClient[]> {
  const clients = await Promise.all(
    agents.map(({ apiKey }) => SocketClient.hello(stack.baseUrls[0] ?? '', apiKey, ['ack'])),
  );
  return clients;
}

/** Rows behind what agents see, by collection: what an owner's reading must leave exactly as they are. */
export async function rowsOfAgents(database: Database): Promise<Record<string, Parsed[]>> {
  const { agents, guards, messages, envelopes, readStates, hiddenRanges, contacts, blocks, mutes, memberships } =
    database;
  const { invitations, webhooks, deliveries, outbox, presences, reports, auditEvents } = database;
  const collections = {
    agents,
    guards,
    messages,
    envelopes,
    readStates,
    hiddenRanges,
    contacts,
    blocks,
    mutes,
    memberships,
  };
  const others = { invitations, webhooks, deliveries, outbox, presences, reports, auditEvents };
  const rows: Record<string, Parsed[]> = {};
  for (const [name, collection] of Object.entries({ ...collections, ...others })) {
    rows[name] = await database.db.collection(collection.collectionName).find().sort({ _id: 1 }).toArray();
  }
  return rows;
}
