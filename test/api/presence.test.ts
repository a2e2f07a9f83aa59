import { createTestAgent } from '../support/agents';
import { presenceActions, presenceUpdates as updates } from '../support/presence';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

describe('presence calls', () => {
  const { database, url } = useStack({ workers: 0 });
  const actions = presenceActions({ database, url });

  test('social#29: a stranger and nobody answer the same bytes; a batch fills in for both', async () => {
    const { pair, save, as, set } = actions;
    const [caller, friend] = await pair();
    const stranger = await createTestAgent(database);
    await save(caller, friend);
    await set(friend, { status: 'busy', custom_message: 'thinking' });
    await set(stranger, { status: 'busy', custom_message: 'not for you' });
    const unknown = await as(caller, 'GET', '/v1/presence/nobody-at-all');
    const hidden = await as(caller, 'GET', `/v1/presence/${stranger.agent.handle}`);
    expect([unknown.status, unknown.text]).toEqual([404, hidden.text]);
    const handles = [
      friend.agent.handle,
      stranger.agent.handle,
      'nobody-at-all',
      `@${friend.agent.handle.toUpperCase()}`,
      '__proto__',
      '',
    ];
    const { body } = await as(caller, 'POST', '/v1/presence/batch', { handles });
    const filler = (handle: string) => ({ handle, status: 'offline', custom_message: null, last_seen: null });
    expect(body.presences).toEqual([
      { handle: friend.agent.handle, status: 'busy', custom_message: 'thinking', last_seen: expect.any(String) },
      filler(stranger.agent.handle),
      filler('nobody-at-all'),
      filler('__proto__'),
      filler(''),
    ]);
    expect(Object.keys(body.results)).toHaveLength(5);
    expect((await as(caller, 'GET', `/v1/presence/${caller.agent.handle}`)).body).toEqual(filler(caller.agent.handle));
  });

  test('social#33: the limits of message and batch, the empty message, the alias', async () => {
    const { as, set } = actions;
    const me = await createTestAgent(database);
    const put = (body: unknown) => set(me, body);
    expect((await put({ status: 'busy', custom_message: 'x'.repeat(200) })).body.custom_message).toHaveLength(200);
    expect((await put({ status: 'busy', custom_message: 'x'.repeat(201) })).body.code).toBe('VALIDATION_ERROR');
    expect((await put({ status: 'busy', custom_message: '' })).body.custom_message).toBeNull();
    expect(
      (await put({ status: 'busy', custom_message: null, custom_status: 'alias' })).body.custom_message,
    ).toBeNull();
    expect((await put({ status: 'busy', custom_status: 'alias' })).body).toMatchObject({
      ok: true,
      handle: me.agent.handle,
      custom_message: 'alias',
      last_seen: expect.any(String),
    });
    expect((await put({ status: 'busy', custom_status: 'alias', custom_message: 'own' })).body.custom_message).toBe(
      'own',
    );
    for (const wrong of [{ status: 'away' }, {}, [], 'busy', { status: 'busy', custom_message: 7 }]) {
      expect((await put(wrong)).body.code).toBe('VALIDATION_ERROR');
    }
    for (const handles of [
      [],
      Array.from({ length: 101 }, (_, index) => `some-handle-${index}`),
      'one',
      [7],
    ] as unknown[]) {
      expect((await as(me, 'POST', '/v1/presence/batch', { handles })).body.code).toBe('VALIDATION_ERROR');
    }
  });

  test('realtime.md §4: a presence frame counts as a PUT does; one too many is answered once', async () => {
    const { pair, save, open } = actions;
    const [watcher, subject] = await pair();
    await save(watcher, subject);
    const [eye, own] = [await open(watcher), await open(subject)];
    own.send({ type: 'presence.update', id: 'refused', payload: { status: 'nonsense' } });
    own.send({ type: 'presence.update', payload: { status: 'busy', custom_message: 'by frame' } });
    await waitFor(() => updates(eye).some(({ custom_message }) => custom_message === 'by frame'));
    for (let index = 0; index < 60; index += 1) {
      own.send({ type: 'presence.update', id: `f-${index}`, payload: { status: 'busy' } });
    }
    await own.roundTrip();
    expect(
      own.frames.flatMap(({ type, payload }) => (type === 'error' ? [[payload?.code, payload?.ref]] : [])),
    ).toEqual([
      ['VALIDATION_ERROR', 'refused'],
      ['RATE_LIMITED', 'f-29'],
    ]);
    for (const client of [eye, own]) client.end();
  });
});
