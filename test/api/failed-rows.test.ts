import type { OutboxRow } from '../../store/schema/collections/outbox';
import { call } from '../support/agents';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const OPS_TOKEN = 'operator-token-of-at-least-32-characters';

describe('operators and rows of the outbox that fail', () => {
  const { database, url } = useStack({ env: { OPS_ADMIN_TOKEN: OPS_TOKEN } });
  const ops = (method: string, path: string, key = OPS_TOKEN) => call(url(), method, path, { key });
  const failedRows = async (query = '') => (await ops('GET', `/internal/outbox/failed${query}`)).body;
  const committed = (id: string, workflowId: string): OutboxRow => ({
    _id: id,
    kind: 'flow.committed',
    workflowId,
    agentId: 'agt_nobody',
    keyVersion: 1,
    createdAt: new Date(Date.now() - 60_000),
  });

  test('webhooks#47: a worker goes on with the others, and operators see the one that fails', async () => {
    const ids = ['obx_failing-a', 'obx_failing-b', 'obx_failing-c'];
    await database.outbox.insertMany([
      ...ids.map((id) => committed(id, '')),
      committed('obx_good', 'registration:gone'),
    ]);
    await waitFor(async () => (await failedRows()).rows.length === 3);
    await waitFor(async () => (await database.outbox.findOne({ _id: 'obx_good' })) === null);
    const { rows, next_after } = await failedRows();
    expect(next_after).toBeNull();
    expect(rows.map(({ id }: { id: string }) => id).sort()).toEqual(ids);
    expect(Object.keys(rows[0]).sort()).toEqual(
      ['created_at', 'error', 'failing_since', 'failures', 'id', 'kind', 'next_try_at'].sort(),
    );
    expect(rows[0]).toMatchObject({ kind: 'flow.committed', error: expect.stringMatching(/^ServiceError/) });
    const first = await failedRows('?limit=2');
    const second = await failedRows(`?limit=2&after=${encodeURIComponent(first.next_after)}`);
    expect([...first.rows, ...second.rows].map(({ id }: { id: string }) => id)).toHaveLength(3);
    expect(new Set([...first.rows, ...second.rows].map(({ id }: { id: string }) => id)).size).toBe(3);
  });

  test('a row that failed can be tried at once; others, and other callers, cannot', async () => {
    const id = 'obx_mended';
    await database.outbox.insertOne(committed(id, ''));
    await waitFor(async () => ((await database.outbox.findOne({ _id: id }))?.failed?.failures ?? 0) > 0);
    const later = new Date(Date.now() + 600_000);
    const mended = { workflowId: 'registration:gone', 'failed.retryAt': later };
    await database.outbox.updateOne({ _id: id }, { $set: mended });
    const retry = (row: string, key?: string) => ops('POST', `/internal/outbox/${row}/retry`, key);
    expect((await retry(id, 'another-token')).status).toBe(401);
    expect(await retry(id)).toMatchObject({ status: 202, body: { ok: true } });
    await waitFor(async () => (await database.outbox.findOne({ _id: id })) === null);
    expect((await retry(id)).status).toBe(404);
    expect((await ops('GET', '/internal/outbox/failed?after=yesterday')).body.code).toBe('VALIDATION_ERROR');
  });
});
