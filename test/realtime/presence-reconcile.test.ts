import { PresenceService } from '../../api/realtime/presence/presence';
import type { Live } from '../../api/realtime/broadcast/live';
import { PresenceStore } from '../../store/presence/presences';
import { createLogger } from '../../platform/logger';
import { createTestAgents } from '../support/agents';
import { useDatabase } from '../support/database';

describe('sockets that presence counts', () => {
  const database = useDatabase();
  const live = {
    broadcast: () => undefined,
    ownerFeed: { changed: () => undefined },
  } as unknown as Live;
  const at = new Date('2030-01-01T12:00:00.000Z');

  test('those of this node that are not open any more are taken off, others stay', async () => {
    const presence = new PresenceService({
      database,
      live,
      clock: { now: () => at },
      log: createLogger('test', 'silent'),
      nodeId: 'here',
    });
    const [gone, half, elsewhere] = await createTestAgents(database, 3);
    const store = new PresenceStore(database);
    const connect = (who: typeof gone, id: string, nodeId: string) => store.connect(who.agent._id, { id, nodeId }, at);
    await connect(gone, 'lost', 'here');
    await connect(half, 'lost too', 'here');
    await connect(half, 'open', 'here');
    await connect(elsewhere, 'there', 'there');
    await presence.reconcile(() => new Set(['open']));
    const rows = await store.read([gone, half, elsewhere].map(({ agent }) => agent._id));
    const socketsOf = (who: typeof gone) => rows.get(who.agent._id)?.sockets.map(({ id }) => id);
    expect([gone, half, elsewhere].map(socketsOf)).toEqual([[], ['open'], ['there']]);
    await presence.idle();
  });
});
