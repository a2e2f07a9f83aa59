import { inboxInId, inboxOutId, type InboxInHead, type InboxOutHead } from '../../domain/heads';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';
import { drainOnce, makeSenders, send, type Sender } from '../support/traffic';

/** A 201 is a promise: it must survive the process that gave it, and a retry after a lost answer must not double it. */
describe('processes killed with SIGKILL under load', () => {
  const PAIRS = 12;
  const EACH = 20;
  const { stack, database } = useStack({ apis: 2, workers: 1 });

  test('realtime#29, messaging#2: nothing acknowledged is lost and nothing is there twice', async () => {
    const agents = await makeSenders(database, PAIRS * 2);
    const pairs = Array.from({ length: PAIRS }, (_, index) => [agents[index * 2], agents[index * 2 + 1]] as const);
    let sent = 0;
    const load = pairs.map(async ([from, to], index) => {
      if (from === undefined || to === undefined) throw new Error('two agents are needed');
      await sendUntilAnswered(from, to, `open-${index}`);
      await sendUntilAnswered(to, from, `reply-${index}`);
      const ids: string[] = [];
      for (let count = 0; count < EACH; count += 1) {
        ids.push(await sendUntilAnswered(from, to, `crash-${index}-${count}`));
        sent += 1;
      }
      return { to, ids };
    });
    const murder = (async () => {
      for (const after of [40, 120]) {
        await waitFor(() => sent >= after, { timeoutMs: 60_000, describe: `${after} sends` });
        const victim = stack.apis.find((api) => api.isRunning());
        if (victim !== undefined) await stack.kill(victim);
        await stack.startApi();
      }
    })();
    const worker = stack.workers[0];
    if (worker !== undefined) await stack.kill(worker);
    const results = await Promise.all(load);
    await murder;
    for (const { to, ids } of results) {
      const seen: string[] = [];
      for (let page = await drain(to); page.length > 0; page = await drain(to)) seen.push(...page);
      // The opener was read too: everything sent is there once, in the order of the sender.
      expect(seen.slice(1)).toEqual(ids);
      const inbox = await database.heads.findOne<InboxInHead>({ _id: inboxInId(to.id) });
      const outbox = await database.heads.findOne<InboxOutHead>({ _id: inboxOutId(to.id) });
      expect(inbox?.enqueued).toBe(outbox?.dequeued);
      expect(inbox?.enqueued).toBe(EACH + 1);
    }
  }, 150_000);

  async function drain(agent: Sender): Promise<string[]> {
    return (await drainOnce(stack.baseUrls[0] ?? '', agent)).map(({ id }) => id);
  }

  /** As a client does: the same client_msg_id again, on any node, until there is an answer. */
  async function sendUntilAnswered(from: Sender, to: Sender, clientMsgId: string): Promise<string> {
    for (let tries = 0; tries < 1_000; tries += 1) {
      const url = stack.baseUrls[tries % Math.max(1, stack.baseUrls.length)];
      const answer = url === undefined ? null : await send(url, from, to, clientMsgId).catch(() => null);
      if (answer !== null && (answer.status === 201 || answer.status === 200)) return String(answer.body.id);
      if (answer !== null && answer.status < 500) throw new Error(`answered ${answer.status} ${answer.body.code}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('no answer');
  }
});
