import { announcePresence } from '../../store/webhooks/intents/announce-presence';
import { setPause } from '../../store/accounts/set-pause';
import { SocketClient } from '../realtime/socket-client';
import type { TestAgent } from '../support/agents';
import { groupCalls } from '../support/groups';
import { bodyOf, intentWorker } from '../support/intents';
import { waitFor } from '../support/wait';
import { addWebhook } from '../support/webhooks';
import { useStack } from '../support/use-stack';

describe('presence.update to webhooks', () => {
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });
  const api = groupCalls(stack, database);
  const worker = intentWorker(database);

  /** A subject, and somebody who saved it and has a webhook. */
  const watched = async (): Promise<{ subject: TestAgent; watcher: TestAgent }> => {
    const [subject, watcher] = await api.two();
    await api.saves(watcher, subject);
    await addWebhook(database, api.idOf(watcher), ['presence.update']);
    return { subject, watcher };
  };
  const set = async (who: TestAgent, status: string, message: string | null = null, node = 0): Promise<void> => {
    const body = { status, custom_message: message };
    expect((await api.as(who, 'PUT', '/v1/presence', { body, node })).status).toBe(200);
  };
  const announced = (watcher: TestAgent) =>
    database.outbox.findOne({ kind: 'presence.update', targetId: api.idOf(watcher) });
  /** What the webhooks of `watcher` are told next; it counts as sent then. */
  const take = async (watcher: TestAgent) => {
    const fresh = await waitFor(async () => {
      await worker.expandAll();
      const waiting = (await worker.deliveriesOf(api.idOf(watcher))).filter(({ status }) => status === 'pending');
      return waiting.length > 0 ? waiting : null;
    });
    const ids = fresh.map(({ _id }) => _id);
    await database.deliveries.updateMany({ _id: { $in: ids } }, { $set: { status: 'delivered', nextAttemptAt: null } });
    return fresh.map(bodyOf);
  };

  test('webhooks.md §5: an update, the first connect and the last disconnect, as their frames say it', async () => {
    const { subject, watcher } = await watched();
    const handle = api.handleOf(subject);
    await set(subject, 'busy', 'in a meeting');
    const [update] = await take(watcher);
    expect(update).toEqual({
      event: 'presence.update',
      timestamp: expect.any(String),
      data: { handle, status: 'busy', custom_message: 'in a meeting' },
      id: expect.stringMatching(/^evt_/),
    });
    const socket = await SocketClient.hello(url(1), subject.apiKey);
    expect(await take(watcher)).toMatchObject([{ data: { handle, status: 'online', custom_message: null } }]);
    socket.end();
    expect(await take(watcher)).toMatchObject([{ data: { handle, status: 'offline', custom_message: null } }]);
  });

  test('social#D-13: what changes nothing that shows is no event for webhooks', async () => {
    const { subject, watcher } = await watched();
    await set(subject, 'online', 'here');
    await take(watcher);
    await set(subject, 'online', 'here', 1);
    await set(subject, 'busy', 'here', 1);
    expect(await take(watcher)).toMatchObject([{ data: { status: 'busy' } }]);
    const deliveries = await worker.deliveriesOf(api.idOf(watcher));
    expect(deliveries.map((delivery) => bodyOf(delivery).data.status)).toEqual(['online', 'busy']);
  });

  test('not to strangers, blocked agents, paused ones, or webhooks that do not list it', async () => {
    const { subject, watcher } = await watched();
    const [stranger, blocked, paused] = await api.three();
    const other = await api.agent();
    for (const who of [stranger, blocked, paused]) await addWebhook(database, api.idOf(who), ['presence.update']);
    await addWebhook(database, api.idOf(other), ['message.new']);
    for (const who of [blocked, paused, other]) await api.saves(who, subject);
    await api.as(subject, 'POST', `/v1/contacts/${api.handleOf(blocked)}/block`);
    await setPause(database, api.idOf(paused), 'full', new Date());
    await set(subject, 'busy');
    await take(watcher);
    for (const who of [stranger, blocked, paused, other]) {
      expect(await announced(who)).toBeNull();
      expect(await worker.deliveriesOf(api.idOf(who))).toEqual([]);
    }
  });

  test('webhooks#28: of 100 changes in a row only the newest waits per subject and webhook', async () => {
    const { subject, watcher } = await watched();
    const second = await addWebhook(database, api.idOf(watcher), ['presence.update']);
    const expanding = { isDone: false };
    const workers = [0, 1].map(async () => {
      while (!expanding.isDone) await worker.expandAll();
    });
    for (let change = 0; change < 100; change += 1) {
      await set(subject, change % 2 === 0 ? 'busy' : 'online', `change ${change}`, change % 2);
    }
    await waitFor(async () => {
      const newest = await database.deliveries.findOne({ webhookId: second._id }, { sort: { subjectVersion: -1 } });
      return bodyOf(newest ?? undefined)?.data.custom_message === 'change 99';
    });
    expanding.isDone = true;
    await Promise.all(workers);
    const waiting = await worker.deliveriesOf(api.idOf(watcher));
    expect(waiting).toHaveLength(2);
    for (const delivery of waiting) {
      expect(bodyOf(delivery).data).toMatchObject({ status: 'online', custom_message: 'change 99' });
    }
  });

  test('webhooks#28: of changes that several nodes announce at once the newest one is told', async () => {
    const { subject, watcher } = await watched();
    const versions = Array.from({ length: 10 }, (_, version) => version);
    // The collision is rare: with the fault, 60 rounds of fewer at once passed, and one of 400 failed in its 287th.
    for (let round = 1; round <= 400; round += 1) {
      const newest = round * 10 + 9;
      const announced = versions.map((version) => {
        const customMessage = `$version ${round * 10 + version}`;
        return announcePresence(database, {
          subject: { _id: api.idOf(subject), handle: api.handleOf(subject) },
          presence: { status: 'online', customMessage },
          version: round * 10 + version,
          at: new Date(),
        });
      });
      await Promise.all(announced);
      const row = await database.outbox.findOneAndDelete({ kind: 'presence.update', targetId: api.idOf(watcher) });
      expect(row).toMatchObject({ version: newest, customMessage: `$version ${newest}` });
    }
  });

  test('webhooks#28: what comes late from another node does not take the place of what is newer', async () => {
    const { subject, watcher } = await watched();
    const news = (version: number) => ({
      subject: { _id: api.idOf(subject), handle: api.handleOf(subject) },
      presence: { status: 'online' as const, customMessage: `version ${version}` },
      version,
      at: new Date(),
    });
    const shown = async () =>
      (await worker.deliveriesOf(api.idOf(watcher))).map((delivery) => bodyOf(delivery).data.custom_message);
    await Promise.all([7, 9, 8].map((version) => announcePresence(database, news(version))));
    await worker.expandAll();
    expect(await shown()).toEqual(['version 9']);
    await announcePresence(database, news(8));
    await worker.expandAll();
    expect(await shown()).toEqual(['version 9']);
    // One that was started is not taken back.
    await database.deliveries.updateMany({ agentId: api.idOf(watcher) }, { $set: { status: 'failed', attempts: 1 } });
    await announcePresence(database, news(10));
    await worker.expandAll();
    expect(await shown()).toEqual(['version 9', 'version 10']);
  });
});
