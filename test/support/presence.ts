import type { Database } from '../../store/schema/database';
import { SocketClient } from '../realtime/socket-client';
import { call, createTestAgent, type CallAnswer, type TestAgent } from './agents';
import { waitFor } from './wait';

/** What a `presence.update` frame says. */
export interface PresenceUpdate {
  handle: string;
  status: string;
  custom_message: string | null;
}

/** The presence frames that `client` got, in order; with `of`, only those about that agent. */
export function presenceUpdates(client: SocketClient, of?: TestAgent): PresenceUpdate[] {
  const all = client.frames.flatMap((frame) =>
    // The parse point of presence frames.
    frame.type === 'presence.update' ? [frame.payload as unknown as PresenceUpdate] : [],
  );
  return of === undefined ? all : all.filter(({ handle }) => handle === of.agent.handle);
}

/** What tests of presence do, on the first node unless another is named. */
export function presenceActions(deps: { database: Database; url: (node?: number) => string }) {
  const { database, url } = deps;
  const as = (who: TestAgent, method: string, path: string, body?: unknown): Promise<CallAnswer> =>
    call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
  return {
    as,
    open: (who: TestAgent, node = 0) => SocketClient.hello(url(node), who.apiKey, ['ack']),
    set: (who: TestAgent, body: unknown) => as(who, 'PUT', '/v1/presence', body),
    async save(who: TestAgent, whom: TestAgent): Promise<void> {
      expect((await as(who, 'POST', '/v1/contacts', { handle: whom.agent.handle })).status).toBe(201);
    },
    async pair(): Promise<[watcher: TestAgent, subject: TestAgent]> {
      return [await createTestAgent(database), await createTestAgent(database)];
    },
    socketsOf: (who: TestAgent) => database.connections.countDocuments({ agentId: who.agent._id }),
    /** Sockets that presence counts: a moment after `hello.ok`, which does not wait for it. */
    countedOf: async (who: TestAgent) =>
      (await database.presences.findOne({ _id: who.agent._id }))?.sockets.length ?? 0,
    /** Waits until a probe set by `who` has reached `client`: whatever of it came before would be there, too. */
    async settle(client: SocketClient, who: TestAgent): Promise<void> {
      const custom_message = `probe ${Math.random()}`;
      await as(who, 'PUT', '/v1/presence', { status: 'busy', custom_message });
      await waitFor(() => presenceUpdates(client).some((update) => update.custom_message === custom_message));
    },
  };
}
