import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createUrlSigner } from '../../platform/signed-urls';
import { setBlock } from '../../store/contacts/relations';
import { createTestAgent, type TestAgent } from '../support/agents';
import { attachmentCalls, declared, outcome, textFile, type File } from '../support/attachments';
import { groupCalls, outcomeOf } from '../support/groups';
import { useFolder } from '../support/folder';
import { useStack } from '../support/use-stack';

const FILE = textFile('some bytes of a file');

describe('attachments', () => {
  const folder = useFolder('blobs');
  const { stack, database, url } = useStack(() => ({ workers: 0, env: { BLOB_STORE: `file:${folder.path}` } }));
  const files = attachmentCalls(url);
  const groups = groupCalls(stack, database);

  const two = async (): Promise<[TestAgent, TestAgent]> => [
    await createTestAgent(database),
    await createTestAgent(database),
  ];
  const to = (whom: TestAgent) => ({ to: whom.agent.handle });
  const stored = async (attachmentId: string): Promise<string[]> =>
    (await readdir(folder.path, { recursive: true })).filter(
      (name) => name.includes(attachmentId) || /unfinished./.test(name),
    );

  test('a file goes from sender to recipient as it is, under its own name', async () => {
    const [ada, bob] = await two();
    const file: File = {
      bytes: Buffer.from([0, 1, 2, 255, 254, 10, 13]),
      filename: 'Bericht „Q3“/2026\n.pdf',
      contentType: 'application/pdf',
    };
    const reserved = await files.reserve(ada, { to: `@${bob.agent.handle.toUpperCase()}` }, file);
    expect([reserved.status, reserved.body.expires_in]).toEqual([201, 7_200]);
    expect(reserved.body.attachment_id).toMatch(/^att_[A-Za-z0-9_-]{16}$/);
    const put = await files.put(reserved.body.upload_url, file.bytes, { authorization: 'Bearer nonsense' });
    expect([put.status, await put.json()]).toEqual([200, { ok: true }]);
    const sent = await files.send(ada, to(bob), reserved.body.attachment_id);
    expect([sent.status, sent.body.content.attachment_id]).toEqual([201, reserved.body.attachment_id]);
    const served = await files.download(await files.ask(bob, reserved.body.attachment_id));
    expect(Buffer.from(await served.arrayBuffer()).equals(file.bytes)).toBe(true);
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-type': 'application/pdf',
      'content-length': '7',
      'content-disposition': `attachment; filename="Bericht _Q3__2026_.pdf"; filename*=UTF-8''Bericht%20%E2%80%9EQ3%E2%80%9C_2026_.pdf`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-store',
    });
  });

  test('the order of checks of a reservation', async () => {
    const [ada, bob] = await two();
    const ask = async (body: object) => outcomeOf(await groups.as(ada, 'POST', '/v1/uploads', { body }));
    const good = declared(FILE);
    for (const wrong of [
      { size: 0 },
      { size: 26_214_401 },
      { size: 1.5 },
      { sha256: good.sha256.toUpperCase() },
      { sha256: 'abc' },
      { content_type: 'image/svg+xml' },
      { content_type: 'text/plain; charset=utf-8' },
      { filename: '' },
      { filename: 'x'.repeat(256) },
      { to: '' },
      { to: 'never-was', conversation_id: 'grp_never' },
    ]) {
      expect(await ask({ ...good, ...wrong })).toEqual([400, 'VALIDATION_ERROR']);
    }
    expect(await ask({ ...good, size: 26_214_400, filename: 'x'.repeat(255), to: bob.agent.handle })).toEqual([
      201,
      undefined,
    ]);
    expect(await ask({ ...good, to: 'never-was' })).toEqual([404, 'AGENT_NOT_FOUND']);
    expect(await ask({ ...good, to: ada.agent.handle })).toEqual([400, 'VALIDATION_ERROR']);
    expect(await ask({ ...good, conversation_id: 'grp_AAAAAAAAAAAAAAAA' })).toEqual([404, 'GROUP_NOT_FOUND']);
    await setBlock(database, { from: bob.agent._id, to: ada.agent._id, at: new Date() });
    expect(await ask({ ...good, to: bob.agent.handle })).toEqual([403, 'BLOCKED']);
  });

  test('messaging#29: an id of somebody else is unknown; an own one goes only where it was reserved for', async () => {
    const [ada, bob] = await two();
    const cyd = await createTestAgent(database);
    const [one, other] = [await groups.groupOf(ada, bob), await groups.groupOf(ada, bob)];
    const [group, otherGroup] = [{ conversation_id: one }, { conversation_id: other }];
    const forBob = await files.upload(ada, to(bob), FILE);
    const forGroup = await files.upload(ada, group, FILE);
    for (const target of [to(ada), group]) {
      expect(outcomeOf(await files.send(bob, target, forBob))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    }
    expect(outcomeOf(await files.send(ada, to(bob), 'att_AAAAAAAAAAAAAAAA'))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    for (const [target, id] of [
      [to(cyd), forBob],
      [group, forBob],
      [to(bob), forGroup],
      [otherGroup, forGroup],
    ] as const) {
      expect(outcomeOf(await files.send(ada, target, id))).toEqual([400, 'ATTACHMENT_WRONG_SCOPE']);
    }
    for (const [target, id] of [
      [to(bob), forBob],
      [group, forGroup],
      [group, forGroup],
    ] as const) {
      expect((await files.send(ada, target, id)).status).toBe(201);
    }
  });

  test('an unbound attachment belongs for ever to the first message that was accepted', async () => {
    const [ada, bob] = await two();
    const cyd = await createTestAgent(database);
    const id = await files.upload(ada, {}, FILE);
    expect((await files.ask(ada, id)).status).toBe(302);
    expect(await outcome(await files.ask(bob, id))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    // A refused message binds nothing.
    await setBlock(database, { from: cyd.agent._id, to: ada.agent._id, at: new Date() });
    expect(outcomeOf(await files.send(ada, to(cyd), id))).toEqual([403, 'BLOCKED']);
    expect((await files.send(ada, to(bob), id)).status).toBe(201);
    expect((await files.ask(bob, id)).status).toBe(302);
    const dan = await createTestAgent(database);
    expect(outcomeOf(await files.send(ada, to(dan), id))).toEqual([400, 'ATTACHMENT_WRONG_SCOPE']);
  });

  test('of any number of first messages at once one binds, whichever node they come to', async () => {
    const api = await stack.startApi();
    const elsewhere = attachmentCalls(() => api.baseUrl);
    const ada = await createTestAgent(database);
    const others = await Promise.all(Array.from({ length: 8 }, () => createTestAgent(database)));
    const id = await files.upload(ada, {}, FILE);
    const answers = await Promise.all(
      others.map((other, index) => (index % 2 === 0 ? files : elsewhere).send(ada, to(other), id)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(400)]);
    const bound = others[answers.findIndex(({ status }) => status === 201)];
    for (const other of others) expect((await files.ask(other, id)).status).toBe(other === bound ? 302 : 404);
    await stack.terminate(api);
  });

  test('messaging#30: wrong bytes, too many, too few; the declared ones without a type', async () => {
    const [ada, bob] = await two();
    const { body } = await files.reserve(ada, to(bob), FILE);
    const wrong = Buffer.from(FILE.bytes);
    wrong[3] = 0;
    const more = Buffer.concat([FILE.bytes, Buffer.from('!')]);
    expect(await outcome(await files.put(body.upload_url, wrong))).toEqual([400, 'CHECKSUM_MISMATCH']);
    expect(await outcome(await files.put(body.upload_url, more))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(await outcome(await files.put(body.upload_url, inChunks(more)))).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(await outcome(await files.put(body.upload_url, FILE.bytes.subarray(1)))).toEqual([400, 'SIZE_MISMATCH']);
    expect(await outcome(await files.put(body.upload_url, Buffer.alloc(0)))).toEqual([400, 'SIZE_MISMATCH']);
    expect(await stored(body.attachment_id)).toEqual([]);
    expect(await outcome(await files.ask(ada, body.attachment_id))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    for (const headers of [undefined, { 'content-type': 'video/mp4' }]) {
      expect((await files.put(body.upload_url, inChunks(FILE.bytes), headers)).status).toBe(200);
    }
    const served = await files.download(await files.ask(bob, body.attachment_id));
    expect([served.headers.get('content-type'), await served.text()]).toEqual(['text/plain', 'some bytes of a file']);
    expect(await outcome(await files.put(body.upload_url, wrong))).toEqual([400, 'CHECKSUM_MISMATCH']);
    expect(await (await files.download(await files.ask(bob, body.attachment_id))).text()).toBe('some bytes of a file');
  });

  function inChunks(bytes: Buffer): ReadableStream {
    return new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
  }

  test('messaging#30: an expired URL, and one with any part changed, is refused', async () => {
    const [ada, bob] = await two();
    const { body } = await files.reserve(ada, to(bob), FILE);
    const [id, url] = [body.attachment_id as string, new URL(body.upload_url as string)];
    const signer = createUrlSigner([{ id: 'test', key: Buffer.from(stack.secretKeys.slice(5), 'base64') }]);
    const upload = (query: string, of = id) => files.put(`http://localhost:0/v1/uploads/${of}?${query}`, FILE.bytes);
    const past = new Date(Date.now() - 1_000);
    expect(await outcome(await upload(signer.sign('upload', id, past)))).toEqual([403, 'FORBIDDEN']);
    expect(await outcome(await upload(signer.sign('download', id, new Date(Date.now() + 60_000))))).toEqual([
      403,
      'FORBIDDEN',
    ]);
    const other = (await files.reserve(ada, to(bob), FILE)).body.attachment_id as string;
    expect(await outcome(await upload(url.search.slice(1), other))).toEqual([403, 'FORBIDDEN']);
    expect(await outcome(await upload('', id))).toEqual([403, 'FORBIDDEN']);
    expect(await outcome(await upload(`${url.search.slice(1)}&more=1`, id))).toEqual([403, 'FORBIDDEN']);
    // Every single character of id and query.
    const signed = `${id}${url.search}`;
    for (let at = 0; at < signed.length; at += 1) {
      const swapped = signed[at] === 'A' ? 'B' : 'A';
      const changed = signed.slice(0, at) + swapped + signed.slice(at + 1);
      const status = (await files.put(`http://localhost:0/v1/uploads/${changed}`, FILE.bytes)).status;
      expect([at, status]).toEqual([at, 403]);
    }
    expect(await stored(id)).toEqual([]);
    expect((await files.put(body.upload_url, FILE.bytes)).status).toBe(200);
    const location = new URL((await files.ask(bob, id)).headers.get('location') ?? '');
    const get = (query: string) => fetch(files.here(`http://localhost:0/v1/downloads/${id}?${query}`));
    expect(await outcome(await get(signer.sign('download', id, past)))).toEqual([403, 'FORBIDDEN']);
    expect(await outcome(await get(signer.sign('upload', id, new Date(Date.now() + 60_000))))).toEqual([
      403,
      'FORBIDDEN',
    ]);
    expect(await outcome(await get(location.search.slice(1).replace(/.$/, (c) => (c === 'A' ? 'B' : 'A'))))).toEqual([
      403,
      'FORBIDDEN',
    ]);
    expect(Number(location.searchParams.get('expires')) * 1_000 - Date.now()).toBeLessThanOrEqual(301_000);
    expect((await get(location.search.slice(1))).status).toBe(200);
  });

  test('a URL outlives the key that signed it, while that key still verifies', async () => {
    const [ada, bob] = await two();
    const { body } = await files.reserve(ada, to(bob), FILE);
    const newKey = `next:${Buffer.alloc(32, 7).toString('base64')}`;
    const [both, onlyNew] = [
      await stack.startApi({ SECRET_KEYS: `${newKey},${stack.secretKeys}` }),
      await stack.startApi({ SECRET_KEYS: newKey }),
    ];
    const refused = attachmentCalls(() => onlyNew.baseUrl);
    expect(await outcome(await refused.put(body.upload_url, FILE.bytes))).toEqual([403, 'FORBIDDEN']);
    const accepted = attachmentCalls(() => both.baseUrl);
    expect((await accepted.put(body.upload_url, FILE.bytes)).status).toBe(200);
    const location = (await accepted.ask(bob, body.attachment_id)).headers.get('location') ?? '';
    expect(new URL(location).searchParams.get('key')).toBe('next');
    await Promise.all([stack.terminate(both), stack.terminate(onlyNew)]);
  });

  test('messaging#31: who may download: recipient, uploader, members; nobody else', async () => {
    const [ada, bob] = await two();
    const [cyd, dan, eve] = [
      await createTestAgent(database),
      await createTestAgent(database),
      await createTestAgent(database),
    ];
    const direct = await files.upload(ada, to(bob), FILE);
    const redirect = await files.ask(bob, direct);
    expect([redirect.status, await redirect.text(), redirect.headers.get('content-type')]).toEqual([302, '', null]);
    const again = (await files.ask(bob, direct)).headers.get('location');
    expect(again).toMatch(/^http:\/\/localhost:0\/v1\/downloads\/att_/);
    const unknown = await files.ask(eve, 'att_AAAAAAAAAAAAAAAA');
    const masked = await files.ask(eve, direct);
    expect([masked.status, await masked.text()]).toEqual([404, await unknown.text()]);
    // A later block does not take back what was sent.
    await setBlock(database, { from: ada.agent._id, to: bob.agent._id, at: new Date() });
    expect((await files.ask(bob, direct)).status).toBe(302);

    const groupId = await groups.groupOf(ada, cyd, dan);
    const shared = await files.upload(ada, { conversation_id: groupId }, FILE);
    const never = (await files.reserve(ada, { conversation_id: groupId }, FILE)).body.attachment_id as string;
    expect((await files.ask(cyd, shared)).status).toBe(302);
    await groups.saves(bob, ada);
    await groups.add(ada, groupId, bob);
    expect(
      outcomeOf(await groups.as(eve, 'POST', '/v1/uploads', { body: { conversation_id: groupId, ...declared(FILE) } })),
    ).toEqual([404, 'GROUP_NOT_FOUND']);
    for (const who of [ada, cyd])
      expect(await outcome(await files.ask(who, never))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    await groups.remove(ada, groupId, dan);
    expect(await outcome(await files.ask(dan, shared))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    expect((await groups.deleteGroup(ada, groupId)).status).toBe(200);
    for (const former of [cyd, dan]) {
      const gone = await files.ask(former, shared);
      expect([gone.status, (await gone.json()) as object]).toMatchObject([
        410,
        { code: 'GROUP_DELETED', details: { group_id: groupId, deleted_by_handle: ada.agent.handle } },
      ]);
    }
    expect(await outcome(await files.ask(eve, shared))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    const kept = await files.download(await files.ask(ada, shared));
    expect(await kept.text()).toBe('some bytes of a file');
  });

  test('a message may refer to a file whose bytes come later', async () => {
    const [ada, bob] = await two();
    const { body } = await files.reserve(ada, to(bob), FILE);
    expect((await files.send(ada, to(bob), body.attachment_id)).status).toBe(201);
    expect(await outcome(await files.ask(bob, body.attachment_id))).toEqual([404, 'ATTACHMENT_NOT_FOUND']);
    await files.put(body.upload_url, FILE.bytes);
    expect((await files.ask(bob, body.attachment_id)).status).toBe(302);
  });

  test('a store that is down is told as such, by uploads and downloads', async () => {
    const [ada, bob] = await two();
    const id = await files.upload(ada, to(bob), FILE);
    const { body } = await files.reserve(ada, to(bob), FILE);
    const broken = join(folder.path, 'no-folder');
    await writeFile(broken, 'a file where the folder should be');
    const api = await stack.startApi({ BLOB_STORE: `file:${broken}` });
    const down = attachmentCalls(() => api.baseUrl);
    expect(await outcome(await down.put(body.upload_url, FILE.bytes))).toEqual([503, 'STORAGE_UNAVAILABLE']);
    expect(await outcome(await down.ask(bob, id))).toEqual([503, 'STORAGE_UNAVAILABLE']);
    await stack.kill(api);
  });
});
