import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { startChild, type Child } from '../../local/child';
import { addressOf } from '../../local/ports';
import { projectRoot } from '../../local/root';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** The demos are what a newcomer runs first: they must work against what is built, and fail when something is wrong. */
describe('npm run demo:agent and demo:chat', () => {
  const { stack, url } = useStack();
  const mailbox = use(openMailPage, (server) => void server.close());
  const children: Child[] = [];

  /** The mails of the stack as the local mailbox lists them. */
  async function openMailPage(): Promise<Server> {
    const server = createServer(({ url: path = '' }, answer) => {
      const to = new URL(path, 'http://mailbox').searchParams.get('to') ?? '';
      answer.end(JSON.stringify(stack.mailbox.messages(to)));
    });
    server.listen(0, '127.0.0.1');
    await waitFor(() => server.listening);
    return server;
  }

  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.stop('SIGTERM', 10_000)));
  });

  async function start(name: string, ...args: string[]): Promise<Child> {
    const child = await startChild({
      name,
      command: process.execPath,
      args: [
        join(projectRoot, 'dist', 'local', `${name}.js`),
        '--url',
        url(),
        '--mailbox',
        `http://127.0.0.1:${addressOf(mailbox.address()).port}`,
        ...args,
      ],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], DATA_DIR: join(projectRoot, 'nowhere') },
      cwd: projectRoot,
    });
    children.push(child);
    return child;
  }

  const said = (child: Child): string => child.tail().join('\n');

  test('a user talks in all forms to an agent that has never heard of the gateway', async () => {
    const agent = await start('demo-agent', '--handle', 'demo-echo');
    await waitFor(() => said(agent).includes('@demo-echo answers everyone') || !agent.isRunning());
    const chat = await start('demo-chat', '--agent', 'demo-echo');
    const { code } = await chat.exited;
    expect({ code, output: said(chat) }).toMatchObject({ code: 0 });
    expect(said(chat)).toContain('Done: everything was as the contract says.');
    await waitFor(() => said(agent).includes('@demo-echo answered: You said: From an application'));
    expect(await agent.stop('SIGINT', 10_000)).toEqual({ code: 0, signal: null });
    expect(said(agent)).toContain('@demo-echo is offline');
  });

  test('demo:chat brings an agent of its own when none is named', async () => {
    const chat = await start('demo-chat');
    expect(await chat.exited).toMatchObject({ code: 0 });
    expect(said(chat)).toMatch(/@echo-\w+ is registered/);
  });

  test('demo:chat ends with 1 and says what was not as the contract says', async () => {
    const chat = await start('demo-chat', '--agent', 'nobody-at-all');
    expect(await chat.exited).toMatchObject({ code: 1 });
    expect(said(chat)).toContain('GET /api/agents/nobody-at-all answered 404');
  });
});
