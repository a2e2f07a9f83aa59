import { inboxInId, type InboxInGuard } from '../../domain/guards';
import { countersOf } from '../support/backlog';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';
import { drainOnce, makeSenders, send, type Sender } from '../support/traffic';
import { exactly } from '../support/exactly';

/** A 201 is a promise: it must survive the process that gave it, and a retry after a lost answer must not double it. */
describe('processes killed with SIGKILL under load', () => {
  const PAIRS = 12;
  const EACH = 20;
  const { stack, database, url } = useStack({ apis: 2, workers: 1 });

  test('realtime#29, messaging#2: nothing acknowledged is lost and nothing is there twice', async () => {
    const pairs = await exactly(PAIRS, () => makeSenders(database, 2));
    let sent = 0;
    const load = pairs.map(async ([from, to], index) => {
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
        await waitFor(() => sent >= after, { describe: `${after} sends` });
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
      const inbox = await database.guards.findOne<InboxInGuard>({ _id: inboxInId(to.id) });
      expect(await countersOf(database, to)).toEqual({ counted: 0, stored: 0 });
      expect(inbox?.enqueued).toBe(EACH + 1);
    }
  });

  async function drain(agent: Sender): Promise<string[]> {
    return (await drainOnce(url(), agent)).map(({ id }) => id);
  }

  /** As a client does: the same client_msg_id again, on any node, until there is an answer. */
  async function sendUntilAnswered(from: Sender, to: Sender, clientMsgId: string): Promise<string> {
    let tries = 0;
    const answer = await waitFor(
      async () => {
        const node = stack.baseUrls[(tries += 1) % Math.max(1, stack.baseUrls.length)];
        const seen = node === undefined ? null : await send(node, from, to, clientMsgId);
        return seen !== null && seen.status < 500 ? seen : null;
      },
      { intervalMs: 20, describe: 'an answer to a send' },
    );
    if (answer.status > 201) throw new Error(`answered ${answer.status} ${answer.body.code}`);
    return String(answer.body.id);
  }
});
