import { connect, type Socket } from 'node:net';
import { call } from '../support/agents';
import { seedBacklog } from '../support/backlog';
import { startTalk } from '../support/conversations';
import type { Sender } from '../support/traffic';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const MEGABYTE = 1_048_576;
/** As api/http/pages.ts has them; what is being read already comes on top. */
const CALLER_BYTES_MAX = 64 * MEGABYTE;
const PROCESS_BYTES_MAX = 256 * MEGABYTE;
const PAGE_ROWS = 500;
/** A page of the largest messages, and a little. */
const PAGE_BYTES = 17 * MEGABYTE;

/**
 * What would go unseen otherwise: 48 clients that ask for the largest page and never read it hold gigabytes of the
 * process, and 130 of one key end it.
 */
describe('clients that do not read the page they asked for', () => {
  const { database, url } = useStack({ workers: 0 });
  const opened: Socket[] = [];

  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
  });

  /** An agent whose next page is the largest that there is, and one with a page of a few words. */
  async function startFull(): Promise<{ full: Sender; small: Sender }> {
    const { a, b } = await startTalk(database, url());
    const ids = await seedBacklog(database, a, b, PAGE_ROWS);
    const content = JSON.stringify({ text: 'x'.repeat(32_000) });
    await database.messages.updateMany({ _id: { $in: ids } }, { $set: { content } });
    return { full: b, small: a };
  }

  /** Asks for a page and takes nothing but the beginning of the head: its status. */
  function askAndStop({ key }: Sender, path = '/v1/messages/sync?limit=500'): { status: () => number } {
    const { port } = new URL(url());
    const socket = connect({ port: Number(port), host: '127.0.0.1' });
    opened.push(socket);
    let status = 0;
    socket.on('error', () => undefined);
    socket.once('readable', () => {
      status = Number(String(socket.read(12)).slice(9));
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`);
    return { status: () => status };
  }

  async function answered(asked: { status: () => number }[]): Promise<number[]> {
    await waitFor(() => asked.every(({ status }) => status() !== 0), { describe: 'all answers' });
    return asked.map(({ status }) => status());
  }

  async function metric(name: string): Promise<number> {
    const { text } = await call(url(), 'GET', '/internal/metrics');
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? 0);
  }

  const sync = ({ key }: Sender) => call(url(), 'GET', '/v1/messages/sync?limit=500', { key });

  test('sixty unread syncs of one key: few are read, the rest 503; others are served; then they are cut', async () => {
    const { full, small } = await startFull();
    const residentBefore = await metric('process_resident_memory_bytes');
    const asked = Array.from({ length: 60 }, () => askAndStop(full));
    const statuses = await answered(asked);
    const held = statuses.filter((status) => status === 200).length;
    expect(held).toBeGreaterThanOrEqual(1);
    expect(held * (PAGE_BYTES - MEGABYTE)).toBeLessThanOrEqual(CALLER_BYTES_MAX + PAGE_BYTES);
    expect(statuses.filter((status) => status === 503)).toHaveLength(asked.length - held);
    expect((await metric('process_resident_memory_bytes')) - residentBefore).toBeLessThan(500 * MEGABYTE);
    expect(await metric('agentchat_page_bytes')).toBeLessThanOrEqual(CALLER_BYTES_MAX + PAGE_BYTES);
    const refused = await sync(full);
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      503,
      'SERVICE_UNAVAILABLE',
      '5',
    ]);
    expect((await sync(small)).body).toHaveLength(1);
    await waitFor(async () => (await metric('agentchat_page_bytes')) === 0, { describe: 'the cut' });
    expect(await metric('agentchat_pages_cut_total')).toBe(held);
    const whole = await sync(full);
    expect(whole.body).toHaveLength(PAGE_ROWS);
    // What was taken counts no more, without any cut.
    await waitFor(async () => (await metric('agentchat_page_bytes')) === 0);
    expect(await metric('agentchat_pages_cut_total')).toBe(held);
  });

  test('clients of many keys fill the process: the stalled ones are cut for whoever reads', async () => {
    const fulls: Sender[] = [];
    for (let index = 0; index < 5; index += 1) fulls.push((await startFull()).full);
    const { small } = await startFull();
    const cutBefore = await metric('agentchat_pages_cut_total');
    const asked = fulls.flatMap((full) => Array.from({ length: 6 }, () => askAndStop(full)));
    const seen: number[] = [];
    await waitFor(async () => {
      seen.push(await metric('agentchat_page_bytes'));
      return asked.every(({ status }) => status() !== 0);
    });
    expect(Math.max(...seen)).toBeLessThanOrEqual(PROCESS_BYTES_MAX + 8 * PAGE_BYTES);
    const served = await waitFor(
      async () => {
        const answer = await sync(small);
        return answer.status === 200 ? answer : undefined;
      },
      // Far less than the time after which they are cut for themselves.
      { timeoutMs: 15_000 },
    );
    expect(served.body).toHaveLength(1);
    // Where reading takes longer, the first have stalled before the last are refused.
    const cut = (await metric('agentchat_pages_cut_total')) - cutBefore;
    expect(cut + asked.filter(({ status }) => status() === 503).length).toBeGreaterThan(0);
  });

  test('pages of history count too, and a connection that ends frees all that waits in it', async () => {
    const { full } = await startFull();
    const { body } = await call(url(), 'GET', '/v1/conversations', { key: full.key });
    const path = `/v1/messages/${String(body[0].id)}?limit=200`;
    expect(await answered([askAndStop(full, path), askAndStop(full, path)])).toEqual([200, 200]);
    await waitFor(async () => (await metric('agentchat_page_bytes')) > 10 * MEGABYTE);
    // Behind the first, on the same connection.
    opened[0]?.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${full.key}\r\n\r\n`);
    await waitFor(async () => (await metric('agentchat_page_bytes')) > 17 * MEGABYTE);
    const cutBefore = await metric('agentchat_pages_cut_total');
    for (const socket of opened.splice(0)) socket.destroy();
    await waitFor(async () => (await metric('agentchat_page_bytes')) === 0, { timeoutMs: 10_000 });
    expect(await metric('agentchat_pages_cut_total')).toBe(cutBefore);
  });
});
