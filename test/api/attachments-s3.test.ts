import { call, createTestAgent, type TestAgent } from '../support/agents';
import { attachmentCalls, outcome, textFile } from '../support/attachments';
import { pictureAs } from '../support/images';
import { startS3 } from '../support/s3';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';

const FILE = textFile('some bytes of a file');

/** The same promises with a real object store: its own URLs, its own words. */
describe('attachments and pictures in an S3-compatible store', () => {
  const s3 = use(startS3, (server) => server.stop());
  const { database, url } = useStack(() => ({ workers: 0, env: { BLOB_STORE: s3.url, ...s3.credentials } }));
  const files = attachmentCalls(url);

  const two = async (): Promise<[TestAgent, TestAgent]> => [
    await createTestAgent(database),
    await createTestAgent(database),
  ];

  test('a file goes past the api in both directions, under its own name and type', async () => {
    const [ada, bob] = await two();
    const file = { bytes: Buffer.from('a,b\n'), filename: 'Tabelle ä.csv', contentType: 'text/csv' };
    const { body } = await files.reserve(ada, { to: bob.agent.handle }, file);
    expect(new URL(body.upload_url as string).origin).toBe(s3.endpoint);
    expect((await files.put(body.upload_url, file.bytes, { 'content-type': 'image/png' })).status).toBe(200);
    expect((await files.send(ada, { to: bob.agent.handle }, body.attachment_id)).status).toBe(201);
    const answer = await files.ask(bob, body.attachment_id);
    expect([answer.status, new URL(answer.headers.get('location') ?? '').origin]).toEqual([302, s3.endpoint]);
    const served = await files.download(answer);
    expect(await served.text()).toBe('a,b\n');
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-type': 'text/csv',
      'content-disposition': `attachment; filename="Tabelle _.csv"; filename*=UTF-8''Tabelle%20%C3%A4.csv`,
      'cache-control': 'private, no-store',
    });
  });

  test('messaging#30: another length is refused by the store, another digest is never handed out', async () => {
    const [ada, bob] = await two();
    const { body } = await files.reserve(ada, { to: bob.agent.handle }, FILE);
    const [shorter, longer] = [FILE.bytes.subarray(1), Buffer.concat([FILE.bytes, Buffer.from('!')])];
    for (const bytes of [shorter, longer]) expect((await files.put(body.upload_url, bytes)).status).toBe(403);
    const wrong = Buffer.from(FILE.bytes);
    wrong[0] = 0;
    await files.put(body.upload_url, wrong);
    for (const who of [ada, bob]) {
      expect(await outcome(await files.ask(who, body.attachment_id))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    }
    expect((await files.put(body.upload_url, FILE.bytes)).status).toBe(200);
    expect(await (await files.download(await files.ask(bob, body.attachment_id))).text()).toBe('some bytes of a file');
    // Bytes that come after they were looked at reach nobody.
    await files.put(body.upload_url, wrong);
    expect(await (await files.download(await files.ask(bob, body.attachment_id))).text()).toBe('some bytes of a file');
  });

  test('messaging#30: a URL with any part of it changed is refused', async () => {
    const [ada, bob] = await two();
    const { body } = await files.reserve(ada, { to: bob.agent.handle }, FILE);
    const url = new URL(body.upload_url as string);
    for (const name of [
      'X-Amz-Signature',
      'X-Amz-Expires',
      'X-Amz-Date',
      'x-amz-checksum-sha256',
      'X-Amz-Credential',
    ]) {
      const changed = new URL(url);
      const value = changed.searchParams.get(name) ?? '';
      changed.searchParams.set(
        name,
        value.replace(/[0-9a-z]/, (c) => (c === '1' ? '2' : '1')),
      );
      expect([name, (await files.put(changed.href, FILE.bytes)).ok]).toEqual([name, false]);
    }
    const elsewhere = new URL(url);
    elsewhere.pathname += 'x';
    expect((await files.put(elsewhere.href, FILE.bytes)).ok).toBe(false);
    expect((await fetch(url.origin + url.pathname)).ok).toBe(false);
    expect((await files.put(url.href, FILE.bytes)).status).toBe(200);
  });

  test('pictures are served by the api from the bucket', async () => {
    const { agent, apiKey } = await createTestAgent(database);
    const path = `/v1/agents/${agent.handle}/avatar`;
    const baseUrl = url();
    const put = await call(baseUrl, 'PUT', path, { key: apiKey, body: new Uint8Array(await pictureAs('png')) });
    const served = await fetch(baseUrl + new URL(put.body.avatar_url as string).pathname);
    expect([served.status, served.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expect((await served.arrayBuffer()).byteLength).toBe(Number(served.headers.get('content-length')));
    expect((await call(baseUrl, 'DELETE', path, { key: apiKey })).status).toBe(200);
  });

  test('a store that went away is told as such, and everything else goes on', async () => {
    const [ada, bob] = await two();
    const id = await files.upload(ada, { to: bob.agent.handle }, FILE);
    await s3.stop();
    expect(await outcome(await files.ask(bob, id))).toEqual([503, 'STORAGE_UNAVAILABLE']);
    expect((await files.send(ada, { to: bob.agent.handle }, id)).status).toBe(201);
    const health = await call(url(), 'GET', '/v1/health');
    expect([health.status, health.body.blobs]).toEqual([200, false]);
  });
});
