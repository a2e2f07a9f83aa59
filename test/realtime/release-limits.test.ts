import { countersOf, seedBacklog } from '../support/backlog';
import { callsOf, startTalk } from '../support/conversations';
import { flipPause, positionsOf, sequence } from '../support/releases';
import { send } from '../support/traffic';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { SocketClient } from './socket-client';

/** dashboard.md §8.5 G11: a queue as long as an inbox can be. */
describe('a queue of more than 10,000', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  test('dashboard#25, dashboard#G11: a release clears a full backlog without a ceiling', async () => {
    const { a, b } = await startTalk(database, url());
    const calls = callsOf(url(), b);
    await calls.ack((await calls.sync()).at(-1)?.['delivery_id']);
    await flipPause(database, b.id, 'full');
    const during = await SocketClient.hello(url(1), b.key, ['ack']);
    // More than one drain may take: the notices of deleted groups pass the cap.
    await seedBacklog(database, a, b, 10_300);
    const refused = await send(url(), a, b, 'too much');
    expect([refused.status, refused.body.code]).toEqual([429, 'RECIPIENT_BACKLOGGED']);
    const late = await SocketClient.hello(url(0), b.key, ['ack']);
    await late.roundTrip();
    await flipPause(database, b.id, 'none');
    let acked = 0;
    await waitFor(
      () => {
        for (const { id } of during.messages().slice(acked)) during.send({ type: 'ack', message_id: id });
        acked = during.messages().length;
        return acked === 10_300;
      },
      { timeoutMs: 120_000, describe: 'the whole queue' },
    );
    await waitFor(async () => (await countersOf(database, b)).counted === 0);
    expect(await countersOf(database, b)).toEqual({ counted: 0, stored: 0 });
    expect((await send(url(), a, b, 'again')).status).toBe(201);
    for (const client of [during, late]) {
      await client.untilMessages(10_301);
      await client.roundTrip();
      expect(positionsOf(client)).toEqual(sequence(2, 10_301));
      expect(client.closed).toBeNull();
      client.end();
    }
  });
});
