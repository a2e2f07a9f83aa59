import type { Database } from '../../store/schema/database';
import { addContact } from '../../store/contacts/relations';
import {
  call,
  createTestAgent,
  createTestAgents,
  type CallAnswer,
  type CallOptions,
  type Parsed,
  type TestAgent,
} from './agents';
import type { Stack } from './stack';

export type Options = CallOptions & { node?: number };

let made = 0;

/** Calls about groups, as the agents of one stack make them. */
export function groupCalls(stack: Stack, database: Database) {
  const as = (who: TestAgent, method: string, path: string, { node = 0, ...options }: Options = {}) =>
    call(stack.baseUrls[node] ?? '', method, path, { key: who.apiKey, ...options });
  const agents = <Count extends number>(count: Count) => createTestAgents(database, count);
  const agent = () => createTestAgent(database);
  const two = () => agents(2);
  const three = () => agents(3);
  const idOf = (who: TestAgent): string => who.agent._id;
  const handleOf = (who: TestAgent): string => who.agent.handle;
  /** `who` saves `whom`: from then on `whom` may add it at once. */
  const saves = (who: TestAgent, whom: TestAgent) =>
    addContact(database, { from: idOf(who), to: idOf(whom), at: new Date() });

  /** A group of `creator` that `members` are in already: each saved the creator before. Returns its id. */
  const groupOf = async (creator: TestAgent, ...members: TestAgent[]): Promise<string> => {
    for (const member of members) await saves(member, creator);
    const { status, text, body } = await as(creator, 'POST', '/v1/groups', {
      body: { name: 'a group', member_handles: members.map(handleOf) },
    });
    if (status !== 201 || body.add_results.length !== members.length) throw new Error(`no group: ${status} ${text}`);
    return body.group.id;
  };
  const send = (who: TestAgent, groupId: string, text: string, options: Options = {}) =>
    as(who, 'POST', '/v1/messages', {
      body: { conversation_id: groupId, client_msg_id: `m-${process.pid}-${(made += 1)}`, content: { text } },
      ...options,
    });
  /** Everything that the agent has not taken yet. */
  const sync = async (who: TestAgent, options: Options = {}): Promise<Parsed[]> =>
    (await as(who, 'GET', '/v1/messages/sync?limit=500', options)).body;
  /** Takes everything, so that what comes later stands alone. */
  const drain = async (who: TestAgent): Promise<Parsed[]> => {
    const rows = await sync(who);
    const last = rows.at(-1)?.delivery_id;
    if (last !== undefined) await as(who, 'POST', '/v1/messages/sync/ack', { body: { last_delivery_id: last } });
    return rows;
  };
  return {
    as,
    agents,
    agent,
    two,
    three,
    idOf,
    handleOf,
    saves,
    groupOf,
    send,
    sync,
    drain,
    add: (who: TestAgent, groupId: string, whom: TestAgent, options: Options = {}) =>
      as(who, 'POST', `/v1/groups/${groupId}/members`, { body: { handle: handleOf(whom) }, ...options }),
    remove: (who: TestAgent, groupId: string, whom: TestAgent, options: Options = {}) =>
      as(who, 'DELETE', `/v1/groups/${groupId}/members/${handleOf(whom)}`, options),
    leave: (who: TestAgent, groupId: string, options: Options = {}) =>
      as(who, 'POST', `/v1/groups/${groupId}/leave`, options),
    get: (who: TestAgent, groupId: string, options: Options = {}) => as(who, 'GET', `/v1/groups/${groupId}`, options),
    deleteGroup: (who: TestAgent, groupId: string, options: Options = {}) =>
      as(who, 'DELETE', `/v1/groups/${groupId}`, options),
    promote: (who: TestAgent, groupId: string, whom: TestAgent, options: Options = {}) =>
      as(who, 'POST', `/v1/groups/${groupId}/members/${handleOf(whom)}/promote`, options),
    demote: (who: TestAgent, groupId: string, whom: TestAgent, options: Options = {}) =>
      as(who, 'POST', `/v1/groups/${groupId}/members/${handleOf(whom)}/demote`, options),
    invites: async (who: TestAgent): Promise<Parsed[]> => (await as(who, 'GET', '/v1/groups/invites')).body,
    accept: (who: TestAgent, invitationId: string, options: Options = {}) =>
      as(who, 'POST', `/v1/groups/invites/${invitationId}/accept`, options),
    reject: (who: TestAgent, invitationId: string) => as(who, 'DELETE', `/v1/groups/invites/${invitationId}`),
  };
}

/** Status and code of an answer. */
export const outcomeOf = ({ status, body }: CallAnswer): [number, string | undefined] => [status, body?.code];

/** What a system message tells. */
export const eventOf = (message: Parsed): Parsed => message.content.data;
