import type { Database } from '../schema/database';
import { recordOwnerAct } from '../schema/audit';
import { withTransactionBy, type OwnerCaller } from '../schema/prove-caller';
import type { RowOf } from '../outbox/rows';

/** Tests of endpoints on their way from an api to the worker that makes them: what histories must not hold. */
export type TestRow = RowOf<'webhook.test'>;

/** Of a webhook what one request needs; it may not be registered yet. */
export type TestedEndpoint = TestRow['endpoint'];

/** Leaves a test for the worker that its flow finds. */
export async function saveTest(database: Database, test: Omit<TestRow, 'kind'>): Promise<void> {
  const { _id, url, secret, previousSecret, keyPair, previousKeyPair, legacySignature } = test.endpoint;
  const endpoint = {
    _id,
    url,
    secret,
    legacySignature,
    ...(previousSecret === undefined ? {} : { previousSecret }),
    ...(keyPair === undefined ? {} : { keyPair }),
    ...(previousKeyPair === undefined ? {} : { previousKeyPair }),
  };
  await database.outbox.insertOne({ ...test, endpoint, kind: 'webhook.test' });
}

/** The test, which nobody else gets after that: of any number of callers one. */
export async function takeTest(database: Database, testId: string): Promise<TestRow | null> {
  const row = await database.outbox.findOneAndDelete({ _id: testId, kind: 'webhook.test' });
  return row?.kind === 'webhook.test' ? row : null;
}

/** Takes back what no worker took. Repeating it finds nothing. */
export async function dropTest(database: Database, testId: string): Promise<void> {
  await database.outbox.deleteOne({ _id: testId, kind: 'webhook.test' });
}

/**
 * Notes that an owner has an endpoint tested, with the proof of its claim, before anything is sent: an api that dies
 * behind it leaves an event of a test that may not have been made, never a test without an event.
 * @throws AppError AGENT_NOT_FOUND when the claim is not the owner's any more
 */
export function noteOwnerTest(
  database: Database,
  { caller, webhookId, event, at }: { caller: OwnerCaller; webhookId: string; event: string; at: Date },
): Promise<void> {
  const metadata = { webhook_id: webhookId, event };
  const act = { caller, action: 'webhook.tested' as const, targetId: caller.agentId, metadata, at };
  return withTransactionBy(database, caller, (session) => recordOwnerAct(database, act, session));
}
