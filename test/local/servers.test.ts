import { MongoClient } from 'mongodb';
import { Client, Connection } from '@temporalio/client';
import { createNamespace } from '../../local/temporal';
import { testServers } from '../support/servers';

describe('the servers that the tests share', () => {
  test('mongod commits transactions', async () => {
    const client = await MongoClient.connect(testServers().mongoUri);
    try {
      const rows = client.db(`probe-${process.pid}`).collection('rows');
      await client.withSession((session) =>
        session.withTransaction(async () => {
          await rows.insertOne({ n: 1 }, { session });
        }),
      );
      expect(await rows.countDocuments()).toBe(1);
      await client.db(`probe-${process.pid}`).dropDatabase();
    } finally {
      await client.close();
    }
  });

  test('a namespace made by a test takes flows with search attributes at once', async () => {
    const { temporalAddress } = testServers();
    const namespace = `probe-${process.pid}`;
    await createNamespace(temporalAddress, namespace);
    const connection = await Connection.connect({ address: temporalAddress });
    try {
      const client = new Client({ connection, namespace });
      const handle = await client.workflow.start('probe', {
        workflowId: 'probe:1',
        taskQueue: 'nobody',
        searchAttributes: { AgentHandle: ['probe'], Stage: ['waiting'] },
      });
      await handle.terminate();
    } finally {
      await connection.close();
    }
  });
});
