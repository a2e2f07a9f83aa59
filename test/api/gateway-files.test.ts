import { randomUUID } from 'node:crypto';
import { TURN_FILE_BYTES_MAX } from '../../contract/limits';
import { systemClock } from '../../platform/clock';
import { createLogger } from '../../platform/logger';
import { createAgentReader } from '../../store/agents/agents';
import { loadExecution } from '../../store/gateway/executions';
import { handOver } from '../../store/gateway/hand-over';
import { createCommitter } from '../../store/sending/committer';
import type { Parsed } from '../support/agents';
import { attachmentCalls } from '../support/attachments';
import { signInUser } from '../support/gateway';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const fileOf = (name: string, content: Buffer, mimetype = 'text/plain') => ({
  name,
  mimetype,
  size: content.length,
  data_base64: content.toString('base64'),
});

describe('files that come with a message of the chat gateway', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 1 });
  const files = attachmentCalls(url);

  /** Answers texts; files come by themselves. */
  async function startReader(): Promise<SdkAgent> {
    const agent = await SdkAgent.create(database, url(1));
    agent.onMessage(async ({ sender, content, id }) => {
      if (content.text === undefined) return;
      const reply = { to: sender, content: { text: `Read: ${content.text}` }, metadata: { reply_to: id } };
      await agent.client.sendMessage({ ...reply, client_msg_id: randomUUID() });
    });
    await agent.connect();
    return agent;
  }

  test('gateway.md §4.1: they are messages before the text, and the agent fetches them like any attachment', async () => {
    const [user, agent] = await Promise.all([signInUser(stack), startReader()]);
    const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 255]);
    const given = [fileOf('notes.txt', Buffer.from('some notes')), fileOf('Bild ä.png', picture, 'image/png')];
    const { status, body } = await user.chat(agent, 'See these', { files: given });
    expect([status, body.response]).toEqual([200, 'Read: See these']);
    const [one, two, text] = agent.seen;
    expect([one?.type, two?.type, text?.type]).toEqual(['file', 'file', 'text']);
    const ids = [one, two].map((message) => message?.content.attachment_id ?? '');
    expect(text?.metadata).toMatchObject({
      gateway: {
        execution_id: body.execution_id,
        files: [
          { attachment_id: ids[0], filename: 'notes.txt', content_type: 'text/plain', size: 10 },
          { attachment_id: ids[1], filename: 'Bild ä.png', content_type: 'image/png', size: 8 },
        ],
      },
    });
    expect(one?.metadata).toMatchObject({ gateway: { execution_id: body.execution_id } });
    const fetched = await Promise.all(ids.map(async (id) => files.download(await files.ask(agent.account, id))));
    const bytes = await Promise.all(fetched.map(async (response) => Buffer.from(await response.arrayBuffer())));
    expect(bytes).toEqual([Buffer.from('some notes'), picture]);
    const history = await user.call('GET', `/api/agents/${agent.handle}/chat/history/persistent`);
    expect(history.body.messages.flatMap(({ attachments }: Parsed) => attachments)).toEqual(
      expect.arrayContaining(ids.map((id) => ({ attachment_id: id }))),
    );
    const session = await user.call('GET', `/api/agents/${agent.handle}/chat/sessions/${body.session_id}`);
    expect(session.body.message_count).toBe(4);
    agent.disconnect();
  });

  test('gateway.md §4.1: three of 5 MiB pass, also with a task and a stream', async () => {
    const [user, agent] = await Promise.all([signInUser(stack), startReader()]);
    const large = Buffer.alloc(TURN_FILE_BYTES_MAX, 'x');
    const given = ['a', 'b', 'c'].map((name) => fileOf(name, large));
    const path = `/api/agents/${agent.handle}`;
    const task = await user.call('POST', `${path}/task`, { body: { message: 'Large', files: given } });
    expect(task.status).toBe(202);
    await waitFor(async () => {
      const { body } = await user.call('GET', `${path}/executions/${task.body.execution_id}`);
      return body.status === 'completed';
    });
    const stream = await user.stream(`${path}/chat/stream`, {
      body: { message: 'Streamed', files: given.slice(0, 1) },
    });
    expect(await stream.text()).toContain('Read: Streamed');
    expect(agent.seen.map(({ type }) => type)).toEqual(['file', 'file', 'file', 'text', 'file', 'text']);
    agent.disconnect();
  });

  test('gateway.md §4.1: what is not as it is said to be is refused, and nothing of it is kept', async () => {
    const [user, agent] = await Promise.all([signInUser(stack), SdkAgent.create(database, url())]);
    const good = fileOf('good.txt', Buffer.from('good'));
    const before = await database.guards.countDocuments({ _id: /^attachment:/ });
    const refused = [
      [good, good, good, good],
      [{ ...good, size: 5 }],
      [{ ...good, size: 3 }],
      [{ ...good, data_base64: 'Z29v*A==' }],
      [{ ...good, data_base64: '' }],
      [{ ...good, mimetype: 'text/html' }],
      [{ ...good, name: '' }],
      [{ ...good, size: TURN_FILE_BYTES_MAX + 1 }],
      ['good'],
    ];
    for (const given of refused) {
      const { status, body } = await user.chat(agent, 'No', { files: given });
      expect([status, body.code, Object.keys(body.details.fieldErrors)]).toEqual([400, 'VALIDATION_ERROR', ['files']]);
    }
    const tooLarge = fileOf('x', Buffer.alloc(TURN_FILE_BYTES_MAX + 800_000));
    const { status, body } = await user.chat(agent, 'No', { files: [tooLarge, tooLarge, tooLarge] });
    expect([status, body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(await database.guards.countDocuments({ _id: /^attachment:/ })).toBe(before);
    expect(await database.gatewayExecutions.countDocuments({ message: 'No' })).toBe(0);
  });

  test('gateway.md §4.1: a process that dies between the files and the text: each is there once, in order', async () => {
    const [user, agent] = await Promise.all([signInUser(stack), SdkAgent.create(database, url())]);
    const log = createLogger('test', 'silent');
    const committer = createCommitter({
      database,
      agents: createAgentReader(database),
      clock: systemClock,
      log,
      limitRate: false,
      observe: () => undefined,
    });
    const given = [fileOf('1', Buffer.from('one')), fileOf('2', Buffer.from('two'))];
    const { body } = await user.call('POST', `/api/agents/${agent.handle}/task`, {
      body: { message: 'Once', files: given },
    });
    const id = body.execution_id as string;
    const sent = () => database.messages.find({ recipientId: agent.id }, { sort: { seq: 1 } }).toArray();
    await waitFor(async () => (await sent()).length === 3);
    // As if nobody had noted it, and as if another process had died behind the first file.
    await database.gatewayExecutions.updateOne({ _id: id }, { $set: { messageId: null } });
    let count = 0;
    const ending: Pick<typeof committer, 'send'> = {
      send: async (command) => {
        const outcome = await committer.send(command);
        if ((count += 1) === 2) throw new Error('the process ends here');
        return outcome;
      },
    };
    await expect(handOver({ database, committer: ending, clock: systemClock }, id)).rejects.toThrow('ends here');
    expect(await handOver({ database, committer, clock: systemClock }, id)).toMatchObject({ state: 'handed-over' });
    expect((await sent()).map(({ type }) => type)).toEqual(['file', 'file', 'text']);
    expect((await loadExecution(database, id))?.messageId).toBe((await sent()).at(-1)?._id);
    await committer.idle();
  });
});
