import { execFileSync } from 'node:child_process';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { pictureAs } from '../support/images';
import type { ApiChild } from '../support/stack';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** Images that an api holds. */
const IMAGES_MAX = 32;

/** The process that makes pictures for this api; null while there is none. */
function imageProcessOf(api: ApiChild): number | null {
  const rows = execFileSync('ps', ['-e', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const row = rows.find(([, parent, state = '']) => Number(parent) === api.pid && !state.startsWith('Z'));
  return row === undefined ? null : Number(row[0]);
}

const isRunning = (pid: number): boolean =>
  !execFileSync('ps', ['-e', '-o', 'pid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .every(([id, state = '']) => Number(id) !== pid || state.startsWith('Z'));

describe('the process that makes pictures', () => {
  let image: Buffer;
  let cleanUp: () => void = () => undefined;

  const { stack, database } = useStack({ workers: 0, env: { RATE_LIMITS: 'off' } });

  beforeAll(async () => {
    image = await pictureAs('png');
  });
  afterAll(async () => {
    try {
      cleanUp();
    } catch {
      // It has ended long ago.
    }
  });

  const put = (api: ApiChild, { agent, apiKey }: TestAgent): Promise<CallAnswer> =>
    call(api.baseUrl, 'PUT', `/v1/agents/${agent.handle}/avatar`, { key: apiKey, body: new Uint8Array(image) });

  test('its death fails the picture in work alone: the api serves on, the next picture is made', async () => {
    const api = await stack.startApi();
    const agent = await createTestAgent(database);
    const upload = put(api, agent);
    process.kill(await waitFor(() => imageProcessOf(api), { intervalMs: 5 }), 'SIGKILL');
    const failed = await upload;
    expect([failed.status, failed.body.code]).toEqual([400, 'PROCESSING_FAILED']);
    expect((await call(api.baseUrl, 'GET', '/v1/agents/me', { key: agent.apiKey })).body.avatar_url).toBeNull();
    expect((await put(api, agent)).status).toBe(200);
    expect((await call(api.baseUrl, 'GET', '/v1/health')).status).toBe(200);
    await stack.kill(api);
  });

  test('while it is slow, pictures wait up to a bound; one more is 503, everything else goes on', async () => {
    const api = await stack.startApi();
    const agent = await createTestAgent(database);
    expect((await put(api, agent)).status).toBe(200);
    const slow = imageProcessOf(api) ?? 0;
    process.kill(slow, 'SIGSTOP');
    const answers: CallAnswer[] = [];
    // A stopped process does not even notice the end of its api.
    cleanUp = () => process.kill(slow, 'SIGCONT');
    const uploads = Array.from({ length: IMAGES_MAX + 1 }, () =>
      put(api, agent).then((answer) => answers.push(answer)),
    );
    const [refused] = await waitFor(() => (answers.length > 0 ? answers : null));
    expect([refused?.status, refused?.body.code]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await call(api.baseUrl, 'GET', '/v1/agents/me', { key: agent.apiKey })).status).toBe(200);
    cleanUp();
    await Promise.all(uploads);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(IMAGES_MAX);
    await stack.kill(api);
  });

  test('it does not outlive an api that is killed, not even in the middle of a picture', async () => {
    const api = await stack.startApi();
    const agent = await createTestAgent(database);
    expect((await put(api, agent)).status).toBe(200);
    const pid = imageProcessOf(api) ?? 0;
    expect(isRunning(pid)).toBe(true);
    const cut = put(api, agent).catch(() => null);
    await stack.kill(api);
    await cut;
    await waitFor(() => !isRunning(pid));
  });
});
