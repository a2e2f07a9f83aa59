import { createLogger } from '../../platform/logger';
import { AUDIENCE_PAGE } from '../../store/presence/audience';
import { createOrders } from '../../store/nodes/orders';
import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { removeBlock, setBlock } from '../../store/contacts/relations';
import { createTestAgent } from '../support/agents';
import { presenceActions, presenceUpdates as updates } from '../support/presence';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

describe('presence', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });
  const actions = presenceActions({ database, url });

  test('social#30, realtime#27: sockets on two nodes: one broadcast for the first, one for the last', async () => {
    const { pair, save, open, settle, countedOf } = actions;
    const [watcher, subject] = await pair();
    await save(watcher, subject);
    const eyes = await Promise.all([open(watcher, 0), open(watcher, 1)]);
    const first = await open(subject, 0);
    const second = await open(subject, 1);
    await waitFor(() => eyes.every((eye) => updates(eye).length === 1));
    await waitFor(async () => (await countedOf(subject)) === 2);
    first.end();
    await waitFor(async () => (await countedOf(subject)) === 1);
    second.end();
    const { handle } = subject.agent;
    for (const eye of eyes) await waitFor(() => updates(eye).length === 2);
    for (const eye of eyes) {
      await settle(eye, subject);
      expect(updates(eye).filter(({ status }) => status !== 'busy')).toEqual([
        { handle, status: 'online', custom_message: null },
        { handle, status: 'offline', custom_message: null },
      ]);
    }
    for (const eye of eyes) eye.end();
  });

  test('realtime#27: however many open and close at once, a round is one online and one offline', async () => {
    const { pair, save, open } = actions;
    const [watcher, subject] = await pair();
    await save(watcher, subject);
    const eye = await open(watcher);
    for (let round = 1; round <= 5; round += 1) {
      const clients = await Promise.all([0, 1, 0, 1, 0, 1].map((node) => open(subject, node)));
      await waitFor(
        async () => (await database.presences.findOne({ _id: subject.agent._id }))?.sockets.length === clients.length,
      );
      for (const client of clients) client.end();
      await waitFor(() => updates(eye).length >= 2 * round);
      expect(updates(eye).map(({ status }) => status)).toEqual(
        Array.from({ length: round }, () => ['online', 'offline']).flat(),
      );
    }
    eye.end();
  });

  test('social#31: what was set survives a second socket opening and closing, and ends with a full reconnect', async () => {
    const { pair, save, open, set, as, countedOf } = actions;
    const [watcher, subject] = await pair();
    await save(watcher, subject);
    const eye = await open(watcher, 1);
    const seen = async () => (await as(watcher, 'GET', `/v1/presence/${subject.agent.handle}`)).body;
    const one = await open(subject, 0);
    await waitFor(() => updates(eye).length === 1);
    await set(subject, { status: 'busy', custom_message: 'thinking' });
    const two = await open(subject, 1);
    await waitFor(async () => (await countedOf(subject)) === 2);
    two.end();
    await waitFor(async () => (await countedOf(subject)) === 1);
    expect(await seen()).toMatchObject({ status: 'busy', custom_message: 'thinking' });
    one.end();
    await waitFor(async () => (await seen()).status === 'offline');
    expect(await seen()).toMatchObject({ custom_message: null });
    const again = await open(subject);
    await waitFor(async () => (await seen()).status === 'online');
    await waitFor(() => updates(eye).length >= 4);
    expect(updates(eye).map(({ status }) => status)).toEqual(['online', 'busy', 'offline', 'online']);
    for (const client of [eye, again]) client.end();
  });

  test('social#32: whoever saved an agent sees it change, nobody else does; a removal counts at once', async () => {
    const { pair, save, open, set, as, settle } = actions;
    const [watcher, subject] = await pair();
    await save(watcher, subject);
    const [eye, own] = [await open(watcher), await open(subject, 1)];
    await set(watcher, { status: 'busy', custom_message: 'not for you' });
    await settle(eye, subject);
    expect(updates(own)).toEqual([]);
    const other = await createTestAgent(database);
    await save(other, subject);
    const probe = await open(other);
    await as(watcher, 'DELETE', `/v1/contacts/${subject.agent.handle}`);
    const before = updates(eye).length;
    await set(subject, { status: 'online' });
    await waitFor(() => updates(probe).at(-1)?.status === 'online');
    await save(watcher, subject);
    await settle(eye, subject);
    expect(updates(eye)).toHaveLength(before + 1);
    probe.end();
    for (const client of [eye, own]) client.end();
  });

  test('realtime#22: blocked in either direction, neither frame nor read shows anything', async () => {
    const { pair, save, open, as, settle } = actions;
    const [watcher, subject] = await pair();
    const other = await createTestAgent(database);
    for (const who of [watcher, other]) await save(who, subject);
    const [eye, probe] = [await open(watcher), await open(other)];
    for (const [from, to] of [
      [watcher, subject],
      [subject, watcher],
    ] as const) {
      await setBlock(database, { from: from.agent._id, to: to.agent._id, at: new Date() });
      await settle(probe, subject);
      expect(updates(eye)).toEqual([]);
      expect((await as(watcher, 'GET', `/v1/presence/${subject.agent.handle}`)).status).toBe(404);
      const { body } = await as(watcher, 'POST', '/v1/presence/batch', { handles: [subject.agent.handle] });
      expect(body.presences[0]).toMatchObject({ status: 'offline', last_seen: null });
      await removeBlock(database, { from: from.agent._id, to: to.agent._id, at: new Date() });
    }
    await settle(eye, subject);
    for (const client of [eye, probe]) client.end();
  });

  test('a watcher under full pause hears nothing; a suspended agent is seen and sees no more', async () => {
    const { pair, save, open, as, settle } = actions;
    const [watcher, subject] = await pair();
    const other = await createTestAgent(database);
    for (const who of [watcher, other]) await save(who, subject);
    const [eye, probe] = [await open(watcher), await open(other)];
    await settle(eye, subject);
    const before = updates(eye).length;
    await setPause(database, watcher.agent._id, 'full', new Date());
    const orders = createOrders({ database, log: createLogger('test', 'silent') });
    await orders.give({ kind: 'recheck', agentId: watcher.agent._id });
    await settle(probe, subject);
    expect(updates(eye)).toHaveLength(before);
    await setPause(database, watcher.agent._id, 'none', new Date());
    await orders.give({ kind: 'recheck', agentId: watcher.agent._id });
    await waitFor(async () => {
      await settle(probe, subject);
      return updates(eye).length > before;
    });
    await setStatus(database, subject.agent._id, 'suspended', new Date());
    expect((await as(watcher, 'GET', `/v1/presence/${subject.agent.handle}`)).status).toBe(404);
    expect((await as(subject, 'PUT', '/v1/presence', { status: 'online' })).body.code).toBe('SUSPENDED');
    for (const client of [eye, probe]) client.end();
  });

  test('a large audience is reached page by page, each once', async () => {
    const { pair, open, set } = actions;
    const [last, subject] = await pair();
    // Books of agents that are not there, on both sides of the two watchers in the order of the pages.
    const strangers = Array.from(
      { length: AUDIENCE_PAGE + 50 },
      (_, index) => `agt_-${String(index).padStart(5, '0')}`,
    );
    const entry = {
      contactId: subject.agent._id,
      handle: subject.agent.handle,
      isHidden: false,
      addedAt: new Date(),
      note: null,
    };
    await database.contacts.insertMany(
      [...strangers, last.agent._id].map((ownerId) => ({ _id: `${ownerId}:${subject.agent._id}`, ownerId, ...entry })),
    );
    const eye = await open(last, 1);
    for (const custom_message of ['one', 'two', 'three']) await set(subject, { status: 'busy', custom_message });
    await waitFor(() => updates(eye).some(({ custom_message }) => custom_message === 'three'));
    expect(updates(eye).map(({ custom_message }) => custom_message)).toEqual(['one', 'two', 'three']);
    eye.end();
  });

  test('a proof of life that is too old ends with one broadcast, whoever looks', async () => {
    const { pair, save, open, set } = actions;
    const [watcher, subject] = await pair();
    await save(watcher, subject);
    const eye = await open(watcher, 1);
    await set(subject, { status: 'busy' });
    await waitFor(() => updates(eye).length === 1);
    await database.presences.updateOne({ _id: subject.agent._id }, { $set: { expiresAt: new Date() } });
    await waitFor(() => updates(eye).length === 2);
    expect(updates(eye)[1]).toMatchObject({ status: 'offline' });
    eye.end();
  });
});
