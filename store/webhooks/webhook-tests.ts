import type { Database } from '../schema/database';
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
