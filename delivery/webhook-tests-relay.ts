import { findRows, removeRows } from '../store/outbox/rows';
import type { Database } from '../store/schema/database';

/** Who asked for a test waits for seconds: what is older was left by an api that died. */
const AGE_MS = 60_000;

/** Removes tests of endpoints that nobody waits for any more. Repeating it finds nothing. */
export async function relayWebhookTests(database: Database, now: Date): Promise<void> {
  const left = await findRows(database, 'webhook.test', new Date(now.getTime() - AGE_MS));
  if (left.length > 0)
    await removeRows(
      database,
      left.map(({ _id }) => _id),
    );
}
