import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findBinary } from '../../local/binaries';
import { startMongo, type Mongo } from '../../local/mongo';
import { freePort } from '../../local/ports';
import type { PairGuard } from '../../domain/guards';
import { SocketClient } from '../realtime/socket-client';
import { countersOf } from '../support/backlog';
import { startTalk, type Talk } from '../support/conversations';
import { useFolder } from '../support/folder';
import { sequence } from '../support/releases';
import { drainOnce, send } from '../support/traffic';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const KILLS = Number(process.env['KILLS'] ?? 200);
/** One of so many kills is that of mongod; the others are those of an api. */
const MONGOD_EVERY = 4;
const PAIRS = 6;
/** What has to be accepted between two kills: a service that is down is not killed. */
const SENDS_BETWEEN = 20;
const KILL_MS_MAX = 120_000;

/**
 * Kills apis and mongod under load, as often as `KILLS` says (`npm run campaign:kills`). Senders repeat what was not
 * answered, on any node; recipients are connected, acknowledge, and come back when their socket ends.
 */
describe(`${KILLS} kills of apis and mongod under load`, () => {
  const folder = useFolder('campaign');
  const mongod = use(
    async () => ({ running: await start(await freePort()) }),
    ({ running }) => running.child.stop('SIGTERM', 10_000),
  );
  const { stack, database, url } = useStack(() => ({ mongoUri: mongod.running.uri, apis: 2, workers: 0 }));

  async function start(port: number): Promise<Mongo> {
    await mkdir(join(folder.path, 'data'), { recursive: true });
    const binary = await findBinary('mongod', { environment: process.env, onProgress: () => undefined });
    return startMongo({ binary, port, dbPath: join(folder.path, 'data'), env: process.env, cacheGigabytes: 0.25 });
  }

  /** Any node that runs, another one each time. */
  let turn = 0;
  const anyNode = (): string | undefined => stack.baseUrls[(turn += 1) % Math.max(1, stack.baseUrls.length)];

  async function kill(round: number): Promise<void> {
    if (round % MONGOD_EVERY === 0) {
      await mongod.running.child.stop('SIGKILL', 0);
      mongod.running = await start(mongod.running.port);
      return;
    }
    const victim = stack.apis.filter((api) => api.isRunning())[round % 2];
    if (victim !== undefined) await stack.kill(victim);
    await stack.startApi();
  }

  /** The same client_msg_id again until there is an answer; its message's id. */
  async function sendUntilAnswered({ a, b }: Talk, clientMsgId: string): Promise<string> {
    const answer = await waitFor(
      async () => {
        const node = anyNode();
        const seen = node === undefined ? null : await send(node, a, b, clientMsgId);
        return seen !== null && seen.status < 500 ? seen : null;
      },
      { intervalMs: 20, timeoutMs: KILL_MS_MAX, describe: 'an answer to a send' },
    );
    if (answer.status > 201) throw new Error(`answered ${answer.status} ${answer.body.code}`);
    return String(answer.body.id);
  }

  /** Connected again and again until `isOver`; everything that came, and acknowledged at once. */
  async function listen({ b }: Talk, isOver: () => boolean): Promise<Set<string>> {
    const seen = new Set<string>();
    while (!isOver()) {
      const node = anyNode();
      const client = node === undefined ? null : await SocketClient.hello(node, b.key, ['ack']).catch(() => null);
      if (client === null) continue;
      client.socket.on('message', (data) => {
        // The parse point of frames.
        const { type, payload } = JSON.parse(String(data)) as { type: string; payload?: { id: string } };
        if (type !== 'message.new' || payload === undefined) return;
        client.send({ type: 'ack', message_id: payload.id });
        seen.add(payload.id);
      });
      await waitFor(() => client.closed !== null || isOver(), { timeoutMs: KILLS * KILL_MS_MAX });
      client.end();
    }
    return seen;
  }

  test(
    'nothing that was accepted is lost, nothing is there twice, and all counters are exact',
    async () => {
      const talks = await Promise.all(sequence(1, PAIRS).map(() => startTalk(database, url())));
      let accepted = 0;
      let isOver = false;
      const writing = talks.map(async (talk, index) => {
        const ids: string[] = [];
        for (let count = 0; !isOver; count += 1) {
          ids.push(await sendUntilAnswered(talk, `campaign-${index}-${count}`));
          accepted += 1;
        }
        return ids;
      });
      const listening = talks.map((talk) => listen(talk, () => isOver));
      for (let round = 0; round < KILLS; round += 1) {
        const before = accepted;
        await waitFor(() => accepted >= before + SENDS_BETWEEN, { timeoutMs: KILL_MS_MAX, describe: 'sends' });
        await kill(round);
      }
      isOver = true;
      const sent = await Promise.all(writing);
      const live = await Promise.all(listening);
      for (const [index, talk] of talks.entries()) {
        const ids = sent[index] ?? [];
        const rest: string[] = [];
        for (let page = await drainOnce(url(), talk.b); page.length > 0; page = await drainOnce(url(), talk.b))
          rest.push(...page.map(({ id }) => id));
        const got = new Set([...(live[index] ?? []), ...rest]);
        expect(ids.filter((id) => !got.has(id))).toEqual([]);
        const stored = await database.messages
          .find({ conversationId: talk.conversationId }, { sort: { seq: 1 }, projection: { seq: 1, senderId: 1 } })
          .toArray();
        // Of the talk's two first messages one is the sender's own.
        expect(
          stored
            .filter(({ senderId }) => senderId === talk.a.id)
            .map(({ _id }) => _id)
            .slice(1),
        ).toEqual(ids);
        expect(stored.map(({ seq }) => seq)).toEqual(sequence(1, ids.length + 2));
        const pair = await database.guards.findOne<PairGuard>({ conversationId: talk.conversationId });
        expect(pair?.nextSeq).toBe(ids.length + 3);
        expect(await countersOf(database, talk.b)).toEqual({ counted: 0, stored: 0 });
      }
      process.stdout.write(`${KILLS} kills, ${accepted} sends accepted\n`);
    },
    KILLS * KILL_MS_MAX,
  );
});
