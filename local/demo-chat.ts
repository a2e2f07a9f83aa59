import { z } from 'zod';
import { ADDRESS_USAGE, loadSdk, readOptions, runDemo, step, type Addresses } from './demo-stack';
import { startEchoAgent } from './echo-agent';
import {
  expectThat,
  GatewayUser,
  listOf,
  note,
  objectOf,
  rowsOf,
  textOf,
  type Answer,
  type Body,
} from './gateway-user';

const USAGE = `npm run demo:chat [-- --agent HANDLE] [--url URL] [--mailbox URL]

  --agent    to talk to, one that answers (npm run demo:agent), default: one of the demo's own
${ADDRESS_USAGE}`;

/**
 * `npm run demo:chat`, against a running stack: a user signs in with a mailed code and talks to an agent in every form that
 * docs/contract/gateway.md has. Exit code 0, or 1 when something is not as it says.
 */
async function main(): Promise<void> {
  const options = await readOptions('agent');
  if (options === undefined) return step(USAGE);
  const { addresses, given } = options;
  step(`Stack: ${addresses.url}, mailbox: ${addresses.mailbox}`);
  const suffix = Date.now().toString(36);
  const own = given.agent === undefined ? await startEchoAgent(await loadSdk(), addresses, `echo-${suffix}`) : null;
  try {
    await chat(addresses, (given.agent ?? own?.handle ?? '').replace(/^@/, ''), `user-${suffix}@example.com`);
  } finally {
    own?.goOffline();
  }
  step('\nDone: everything was as the contract says.');
}

async function chat(addresses: Addresses, handle: string, email: string): Promise<void> {
  const user = new GatewayUser(addresses.url);
  title('A user signs in with a mailed code');
  await user.signIn(addresses, email);
  const agent = objectOf(await user.call('GET', `/api/agents/${handle}`, 200));
  note(
    `${textOf(agent, 'name')} (@${handle}, ${textOf(agent, 'id')}) is ${agent['online'] === true ? 'online' : 'offline'}`,
  );
  const session = await sayInAllForms(user, handle, textOf(agent, 'id'));
  await readSessions(user, handle, session);
  await readExecutions(user, handle, session);
  await asTeammate(user, textOf(agent, 'id'), session);
  await withKey(user, handle, textOf(agent, 'id'));
  title('The user signs out');
  await user.call('POST', '/api/auth/logout', 200);
  await user.call('GET', '/api/agents', 401);
}

const title = (text: string): void => step(`\n${text}`);

async function sayInAllForms(user: GatewayUser, handle: string, agentId: string): Promise<string> {
  const path = `/api/agents/${handle}/chat`;
  title('Chat as stream-json');
  const lines = linesOf(await user.call('POST', path, 200, { body: { message: 'Good morning' } }));
  for (const line of lines) note(briefly(line));
  const result = lines.at(-1);
  expectThat(lines[0]?.['subtype'] === 'init' && result?.['type'] === 'result', 'init comes first, result last');
  expectThat(deltasOf(lines) === result?.['result'], 'the deltas together are the result');
  expectThat(result?.['is_error'] === false, 'the agent has answered');

  title('The same path as JSON');
  const headers = { accept: 'application/json' };
  const json = objectOf(await user.call('POST', path, 200, { body: { message: 'As JSON, please' }, headers }));
  note(`${textOf(json, 'agent_name')}: ${textOf(json, 'response')}`);
  expectThat(json['session_id'] === result?.['session_id'], 'the next turn goes to the same session');
  expectThat(json['agent_id'] === agentId && json['status'] === 'completed', 'the answer says who gave it');

  title('Chat as server-sent events');
  const events = await user.call('POST', `${path}/stream`, 200, { body: { message: 'And as events' } });
  const records = recordsOf(events);
  for (const record of records) note(briefly(record));
  expectThat(records.at(-1)?.['type'] === 'done', 'done is the last record');
  expectThat(events.text.trimEnd().endsWith('data: [DONE]'), 'the stream ends with [DONE]');

  title('The bare path of the teammate API, with the id');
  const bare = objectOf(await user.call('POST', `/agents/${agentId}/chat`, 200, { body: { message: 'Once more' } }));
  note(`${textOf(bare, 'agent_name')}: ${textOf(bare, 'response')}`);
  expectThat(bare['conversation_id'] === json['session_id'], 'a session is a conversation');
  return textOf(json, 'session_id');
}

async function readSessions(user: GatewayUser, handle: string, session: string): Promise<void> {
  const path = `/api/agents/${handle}/chat`;
  title('Sessions');
  const stored = listOf(objectOf(await user.call('GET', `${path}/sessions/${session}`, 200)), 'messages');
  for (const message of stored) note(`${textOf(message, 'role')}: ${textOf(message, 'content')}`);
  expectThat(stored.length === 8, 'the session has what was said and answered');
  const body = { message: 'Something else', new_session: true, stream: false };
  const other = objectOf(await user.call('POST', path, 200, { body }));
  expectThat(other['session_id'] !== session, 'new_session begins another session');
  const listed = listOf(objectOf(await user.call('GET', `${path}/sessions`, 200)), 'sessions');
  expectThat(listed[0]?.['id'] === other['session_id'] && listed.length === 2, 'the last active one is listed first');
  await user.call('POST', `${path}/sessions/${textOf(other, 'session_id')}/close`, 200);
  const closed = { message: 'Still there?', session_id: other['session_id'] };
  const refused = objectOf(await user.call('POST', path, 409, { body: closed }));
  expectThat(refused['code'] === 'SESSION_CLOSED', 'nothing is said in a closed session');
}

async function readExecutions(user: GatewayUser, handle: string, session: string): Promise<void> {
  const path = `/api/agents/${handle}/executions`;
  title('Executions');
  const [newest] = rowsOf(await user.call('GET', `${path}?session_id=${session}`, 200));
  const id = newest === undefined ? '' : textOf(newest, 'id');
  const one = objectOf(await user.call('GET', `${path}/${id}`, 200));
  note(`${textOf(one, 'message')} → ${textOf(one, 'response')} (${String(one['duration_ms'])} ms)`);
  const events = listOf(objectOf(await user.call('GET', `${path}/${id}/log`, 200)), 'events');
  note(events.map((event) => `${String(event['n'])} ${textOf(event, 'type')}`).join(', '));
  const whole = recordsOf(await user.call('GET', `${path}/${id}/stream`, 200));
  const headers = { 'last-event-id': String(events[0]?.['n']) };
  const rest = recordsOf(await user.call('GET', `${path}/${id}/stream`, 200, { headers }));
  expectThat(whole.length === rest.length + 1, 'a stream goes on behind the event that is known');
  const end = objectOf(await user.call('POST', `${path}/${id}/terminate`, 200));
  expectThat(end['status'] === 'already_finished', 'what was answered stays so');
}

async function asTeammate(user: GatewayUser, agentId: string, session: string): Promise<void> {
  const path = `/agents/${agentId}`;
  title('History, conversations and inbox');
  const history = listOf(objectOf(await user.call('GET', `${path}/history?limit=4`, 200)), 'messages');
  for (const message of history) note(`${textOf(message, 'role')}: ${textOf(message, 'content')}`);
  const created = objectOf(await user.call('POST', `${path}/conversations`, 201, { body: { title: 'Plans' } }));
  const own = `${path}/conversations/${textOf(created, 'id')}`;
  await user.call('PUT', own, 200, { body: { title: 'Big plans' } });
  const listed = rowsOf(await user.call('GET', `${path}/conversations`, 200));
  note(listed.map((row) => `${textOf(row, 'id')} ${String(row['title'] ?? '–')}`).join(', '));
  expectThat(
    listed.some((row) => row['title'] === 'Big plans'),
    'a conversation has the name that it was given',
  );
  await user.call('DELETE', own, 200);
  await user.call('DELETE', own, 404);
  const inbox = objectOf(await user.call('GET', `${path}/inbox?conversation_id=${session}`, 200));
  expectThat(inbox['unread_count'] === 0, 'what was answered to an open call is read');
  expectThat(
    objectOf(await user.call('POST', `${path}/mark-read`, 200, { body: {} }))['marked'] === 0,
    'marking is repeatable',
  );
}

async function withKey(user: GatewayUser, handle: string, agentId: string): Promise<void> {
  title('An application calls with a key');
  const created = objectOf(await user.call('POST', '/api/keys', 201, { body: { name: 'demo', agent_id: agentId } }));
  const token = textOf(created, 'key');
  note(`${textOf(created, 'key_prefix')}… for one agent`);
  const said = { body: { message: 'From an application' }, token };
  const json = objectOf(await user.call('POST', `/api/agents/${handle}/chat`, 200, said));
  note(`${textOf(json, 'agent_name')}: ${textOf(json, 'response')}`);
  await user.call('GET', '/api/keys', 403, { token });
  const id = textOf(created, 'id');
  expectThat(
    rowsOf(await user.call('GET', '/api/keys', 200)).some((row) => row['id'] === id),
    'its owner lists it',
  );
  await user.call('DELETE', `/api/keys/${id}`, 204);
  await user.call('POST', `/api/agents/${handle}/chat`, 401, said);
}

const linesOf = ({ text }: Answer): Body[] => jsonOf(text.split('\n').filter((line) => line !== ''));

const recordsOf = ({ text }: Answer): Body[] =>
  jsonOf([...text.matchAll(/^data: (\{.*)$/gm)].map(([, data = '{}']) => data));

const jsonOf = (lines: string[]): Body[] => lines.map((text) => objectOf({ text }));

const deltaShape = z.object({ event: z.object({ delta: z.object({ text: z.string() }) }) });

const deltasOf = (lines: Body[]): string =>
  lines
    .filter(({ type }) => type === 'stream_event')
    .map((line) => deltaShape.parse(line).event.delta.text)
    .join('');

/** A line or record, short enough for one line of a terminal. */
function briefly(said: Body): string {
  const { uuid: _uuid, session_id: _session, ...rest } = said;
  const text = JSON.stringify(rest);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}

runDemo(main);
