import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { startChild, type Child } from '../../local/child';
import { codeIn } from '../../local/mailbox';
import { addressOf } from '../../local/ports';
import { projectRoot } from '../../local/root';
import { waitFor } from '../support/wait';

const startMsMax = 90_000;
const stopMsMax = 10_000;

const stateShape = z.object({
  url: z.string(),
  mailbox_url: z.string(),
  temporal_ui_url: z.string(),
  processes: z.record(z.string(), z.number()),
});
const mailsShape = z.array(z.object({ text: z.string() }));

/** `npm start` without npm, whose own process would hide the exit code. */
function start(dataDir: string, args: readonly string[] = ['--port', '0'], env = {}): Promise<Child> {
  return startChild({
    name: 'local stack',
    command: process.execPath,
    args: [join(projectRoot, 'local', 'start.mjs'), ...args],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], DATA_DIR: dataDir, ...env },
    cwd: projectRoot,
  });
}

async function untilReady(stack: Child, dataDir: string, timeoutMs: number): Promise<z.infer<typeof stateShape>> {
  await waitFor(() => stack.tail().includes('AgentChat is ready.') || !stack.isRunning(), {
    timeoutMs,
    describe: 'the ready block',
  });
  expect({ isRunning: stack.isRunning(), output: stack.tail() }).toMatchObject({ isRunning: true });
  return readState(dataDir);
}

async function readState(dataDir: string): Promise<z.infer<typeof stateShape>> {
  return stateShape.parse(JSON.parse(await readFile(join(dataDir, 'stack.json'), 'utf8')));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function post(url: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const json: unknown = await answer.json();
  expect({ ok: answer.ok, json }).toMatchObject({ ok: true });
  return z.looseObject({}).parse(json);
}

/** Registers an agent with the code from the local mailbox; returns its key. */
async function register(state: z.infer<typeof stateShape>): Promise<string> {
  const handle = `local-${randomBytes(4).toString('hex')}`;
  const email = `${handle}@example.org`;
  const { pending_id } = await post(`${state.url}/v1/register`, { email, handle, display_name: 'Local' });
  const code = await waitFor(
    async () => {
      const answer = await fetch(`${state.mailbox_url}/api/messages?to=${encodeURIComponent(email)}`);
      const [newest] = mailsShape.parse(await answer.json());
      return newest === undefined ? undefined : codeIn(newest);
    },
    { describe: 'the mail with the code' },
  );
  const { api_key } = await post(`${state.url}/v1/register/verify`, { pending_id, code });
  return z.string().parse(api_key);
}

async function me(url: string, key: string): Promise<number> {
  return (await fetch(`${url}/v1/agents/me`, { headers: { authorization: `Bearer ${key}` } })).status;
}

describe('npm start', () => {
  let dataDir: string;
  let stack: Child;
  let state: z.infer<typeof stateShape>;
  let key: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'agentchat-local-'));
    stack = await start(dataDir);
    state = await untilReady(stack, dataDir, startMsMax);
    key = await register(state);
  });

  afterAll(async () => {
    await stack.stop('SIGTERM', 15_000);
    await rm(dataDir, { recursive: true, force: true });
  });

  test("ends with the addresses of API, reference, owners' page, Temporal UI and mailbox, and all answer", async () => {
    const output = stack.tail().join('\n');
    const own = ['/v1/health', '/docs', '/app'].map((path) => `${state.url}${path}`);
    const urls = [...own, state.temporal_ui_url, state.mailbox_url];
    for (const url of urls) {
      expect(output).toContain(url.replace('/v1/health', ''));
      expect([url, (await fetch(url)).status]).toEqual([url, 200]);
    }
  });

  test.each(['api', 'worker', 'mongod', 'temporal'])(
    '%s comes back after SIGKILL, with the same data, and the stack says so',
    async (name) => {
      const killed = (await readState(dataDir)).processes[name] ?? 0;
      process.kill(killed, 'SIGKILL');
      await waitFor(() => stack.tail().includes(`${name} is back`), { describe: `${name} back` });
      expect(stack.tail().some((line) => line.startsWith(`${name} ended (SIGKILL)`))).toBe(true);
      await waitFor(async () => (await readState(dataDir)).processes[name] !== killed);
      await waitFor(async () => (await me(state.url, key)) === 200, { describe: 'the agent' });
      await waitFor(async () => (await fetch(`${state.url}/v1/health`)).status === 200);
    },
  );

  test('a second stack on the same data folder is refused in one line', async () => {
    const second = await start(dataDir);
    expect(await second.exited).toMatchObject({ code: 1 });
    expect(second.tail()).toEqual([expect.stringContaining('is in use by')]);
  });

  test('SIGTERM stops everything within 10 s, and the data is there at the next start', async () => {
    const { processes } = await readState(dataDir);
    const askedAt = Date.now();
    expect(await stack.stop('SIGTERM', 2 * stopMsMax)).toEqual({ code: 0, signal: null });
    expect(Date.now() - askedAt).toBeLessThan(stopMsMax);
    expect(Object.entries(processes).filter(([, pid]) => isAlive(pid))).toEqual([]);
    stack = await start(dataDir);
    state = await untilReady(stack, dataDir, startMsMax);
    expect(await me(state.url, key)).toBe(200);
  });

  test('SIGKILL leaves no process behind, and the next start works', async () => {
    const { processes } = await readState(dataDir);
    await stack.stop('SIGKILL', stopMsMax);
    await waitFor(() => Object.values(processes).every((pid) => !isAlive(pid)), {
      describe: 'the end of the children',
    });
    stack = await start(dataDir);
    state = await untilReady(stack, dataDir, startMsMax);
    expect(await me(state.url, key)).toBe(200);
  });
});

describe('npm start that cannot', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'agentchat-local-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The exit code and the lines other than those that say what is being started. */
  async function failure(args: readonly string[], env = {}): Promise<string[]> {
    const stack = await start(join(folder, 'data'), args, env);
    expect(await stack.exited).toMatchObject({ code: 1 });
    return stack.tail().filter((line) => !line.startsWith('starting '));
  }

  test('says in one line that the port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await waitFor(() => server.listening);
    const { port } = addressOf(server.address());
    expect(await failure(['--port', String(port)])).toEqual([expect.stringContaining(`port ${port} is in use`)]);
    server.close();
  });

  test('says in one line which variable names a missing binary', async () => {
    const lines = await failure(['--port', '0'], { MONGOD_BIN: '/nowhere/mongod' });
    expect(lines).toEqual([expect.stringContaining('MONGOD_BIN is /nowhere/mongod')]);
  });

  test('says in one line that the data folder is not a folder', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    const lines = await failure(['--port', '0'], { DATA_DIR: file });
    expect(lines).toEqual([expect.stringContaining(file)]);
  });

  test('says in one line that an argument is not known', async () => {
    expect(await failure(['--portt', '1'])).toEqual([expect.stringContaining('--portt')]);
  });
});
