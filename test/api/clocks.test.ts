import { join } from 'node:path';
import { senderGuardId, type SenderGuard } from '../../domain/guards';
import { useTalk } from '../support/conversations';
import { send } from '../support/traffic';
import { useStack } from '../support/use-stack';
import { use } from '../support/use';
import { waitFor } from '../support/wait';

const HOUR_MS = 3_600_000;
/** What a call and its commit take at most, on a slow machine too. */
const CALL_MS_MAX = 60_000;

describe('nodes whose clocks differ by an hour', () => {
  const { stack, database, url } = useStack({ workers: 0 });
  const fast = use(
    () =>
      stack.startApi({
        NODE_OPTIONS: `--require ${join(__dirname, '../support/shifted-clock.cjs')}`,
        SHIFT_MS: String(HOUR_MS),
      }),
    () => undefined,
  );
  const { a, b } = useTalk(database, url);

  let sent = 0;
  const say = (node: string) => send(node, a, b, `tick ${(sent += 1)}`);

  test('messages of both nodes carry the time of the database, and their order is that of their seq', async () => {
    const answers = [];
    for (const node of [url(), fast.baseUrl, url(), fast.baseUrl]) answers.push(await say(node));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const times = answers.map(({ body }) => Date.parse(String(body['created_at'])));
    for (const time of times) expect(Math.abs(time - Date.now())).toBeLessThan(CALL_MS_MAX);
    expect([...times].sort((one, other) => one - other)).toEqual(times);
  });

  test('the window of a sender counts what both nodes accepted in one second', async () => {
    const window = await waitFor(async () => {
      await Promise.all([url(), fast.baseUrl].flatMap((node) => [say(node), say(node)]));
      const guard = (await database.guards.findOne({ _id: senderGuardId(a.id) })) as SenderGuard | null;
      // Four at once may fall on two seconds; then again.
      return guard !== null && guard.window.count >= 4 ? guard.window : null;
    });
    expect(Math.abs(window.second * 1_000 - Date.now())).toBeLessThan(CALL_MS_MAX);
  });
});
