import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from '../local/child';
import { codeIn, createMailbox, type Mailbox } from '../local/mailbox';
import { nodeFlags } from '../local/node-process';
import { compiled } from '../local/root';
import { startTestServers } from '../local/test-servers';
import { readEnvironment } from '../platform/environment';
import type { Figure } from './report';

const IN_FLIGHT = 8;

/** Whole registrations: two calls, one flow, one mail. */
export async function measureRegistrations({ runs, runMs }: { runs: number; runMs: number }): Promise<Figure> {
  const servers = await startTestServers(readEnvironment(), (line) => console.error(line));
  const mailbox = await createMailbox({ smtpPort: 0 });
  const children: Child[] = [];
  try {
    const { PATH, HOME } = readEnvironment();
    const env = {
      PATH,
      HOME,
      HOST: '127.0.0.1',
      PORT: '0',
      MONGODB_URI: servers.variables.AGENTCHAT_TEST_MONGODB_URI,
      TEMPORAL_ADDRESS: servers.variables.AGENTCHAT_TEST_TEMPORAL_ADDRESS,
      TEMPORAL_NAMESPACE: 'test-1',
      SMTP_URL: mailbox.smtpUrl,
      SECRET_KEYS: `bench:${randomBytes(32).toString('base64')}`,
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'warn',
    };
    const start = async (module: string): Promise<Record<string, unknown>> => {
      const args = [...nodeFlags, compiled(module)];
      const child = await startChild({ name: module, command: process.execPath, args, hasChannel: true, env });
      children.push(child);
      return child.ready(60_000);
    };
    const [{ port }] = await Promise.all([start('api/main'), start('worker/main')]);
    const values: number[] = [];
    for (let run = 0; run <= runs; run += 1)
      values.push(await registerFor(`http://127.0.0.1:${String(port)}`, mailbox, runMs));
    // The first run warms up.
    return { name: 'register.per_s', unit: 'registrations/s', values: values.slice(1) };
  } finally {
    await Promise.all(children.map((child) => child.stop('SIGTERM', 10_000)));
    await mailbox.close();
    await servers.stop();
  }
}

/** Registrations per second of `IN_FLIGHT` closed loops. */
async function registerFor(baseUrl: string, mailbox: Mailbox, runMs: number): Promise<number> {
  const startedMs = performance.now();
  let done = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - startedMs < runMs) {
      await registerOne(baseUrl, mailbox);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return done / ((performance.now() - startedMs) / 1_000);
}

async function registerOne(baseUrl: string, mailbox: Mailbox): Promise<void> {
  const handle = `bench-${randomBytes(6).toString('hex')}`;
  const email = `${handle}@example.com`;
  const { pending_id } = await post(`${baseUrl}/v1/register`, { handle, email });
  let code: string | undefined;
  while (code === undefined) {
    const [mail] = mailbox.messages(email);
    code = mail === undefined ? undefined : codeIn(mail);
    if (code === undefined) await sleep(5);
  }
  await post(`${baseUrl}/v1/register/verify`, { pending_id, code });
}

async function post(url: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  // The parse point of answers.
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${String(answer['code'])}`);
  return answer;
}
