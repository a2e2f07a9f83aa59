import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Db, Document } from 'mongodb';
import { startChild } from '../../local/child';
import { compiled, projectRoot } from '../../local/root';
import { settleWrittenOff } from '../../store/inbox/written-off';
import type { Database } from '../../store/schema/database';
import { CHECKSUMS, MIGRATIONS, SCHEMA_VERSION } from '../../store/schema/migrations/all';
import { migrate } from '../../store/schema/migrations/migrate';
import { prepareDatabase } from '../../store/schema/migrations/prepare';
import { COLLECTIONS } from '../../store/schema/registry';
import { callsOf, seqsOf } from '../support/conversations';
import { expectExactCounters } from '../support/exact';
import { fillAsFirst, firstAgent, FIRST_DIRECT, FIRST_GROUPS } from '../support/first-database';
import { startStack, type Stack } from '../support/stack';
import { openStackDatabase, request, send } from '../support/traffic';

/** An upgrade that loses or bends what is stored is seen by every user at once, and nobody can take it back. */
describe('migrations', () => {
  let stack: Stack;
  let database: Database;
  beforeEach(async () => {
    stack = await startStack({ apis: 0, workers: 0, mailbox: false });
    database = openStackDatabase(stack);
  });
  afterEach(async () => {
    await database.client.close();
    await stack.stop();
  });

  const quietly = (): Promise<void> => migrate(database, () => undefined);

  /** Runs a program of ours on the stack's database to its end. */
  async function run(module: string): Promise<{ code: number | null; lines: string[] }> {
    const env = {
      PATH: process.env['PATH'],
      NODE_ENV: 'test',
      MONGODB_URI: stack.mongoUri,
      MONGODB_DB: stack.dbName,
      TEMPORAL_ADDRESS: stack.temporalAddress,
      SECRET_KEYS: stack.secretKeys,
      PORT: '0',
      LOG_LEVEL: 'fatal',
    };
    const child = await startChild({
      name: module,
      command: process.execPath,
      args: [compiled(module)],
      env,
      cwd: projectRoot,
    });
    const { code } = await child.exited;
    return { code, lines: child.tail() };
  }

  /** Every document of the database, but for what tells of the migration itself. */
  async function contents(): Promise<Record<string, Document[]>> {
    const names = (await stack.db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).sort();
    const all: Record<string, Document[]> = {};
    for (const name of names.filter((other) => other !== 'schemaState' && !other.startsWith('system.')))
      all[name] = await stack.db.collection(name).find().sort({ _id: 1 }).toArray();
    return all;
  }

  test('a database of the first version opens: messages, groups and counters go on where they stood', async () => {
    await fillAsFirst(stack.db);
    const [ann, bob] = [firstAgent('ann'), firstAgent('bob')];
    const request1 = { _id: 'obx_old', kind: 'inbox.flush', targetId: bob.id, createdAt: new Date() };
    await stack.db.collection<Document & { _id: string }>('outbox').insertOne(request1);
    const { code, lines } = await run('worker/migrate');
    expect([code, lines.at(-1)]).toEqual([0, `the database "${stack.dbName}" is at schema version ${SCHEMA_VERSION}`]);
    expect(lines).toContain('migration 1 (guards): collection heads is guards');
    const { baseUrl } = await stack.startApi();

    const bobs = callsOf(baseUrl, bob);
    expect(seqsOf(await bobs.history(FIRST_DIRECT))).toEqual([3, 2, 1]);
    expect((await send(baseUrl, ann, bob, 'after')).body).toMatchObject({ conversation_id: FIRST_DIRECT, seq: 4 });
    const body = { conversation_id: FIRST_GROUPS.kept, client_msg_id: 'after-too', content: { text: 'go on' } };
    expect(await request(`${baseUrl}/v1/messages`, bob.key, 'POST', body)).toMatchObject({
      status: 201,
      body: { seq: 9 },
    });
    expect((await bobs.sync()).map((row) => [row['conversation_id'], row.seq])).toEqual([
      ...[2, 3, 4, 6, 7, 8].map((seq) => [FIRST_GROUPS.kept, seq]),
      [FIRST_GROUPS.gone, 4],
      [FIRST_DIRECT, 4],
    ]);
    expect((await bobs.get(`/v1/groups/${FIRST_GROUPS.gone}`)).status).toBe(410);

    await settleWrittenOff(database, bob.id);
    const lost = { recipientId: bob.id, conversationId: FIRST_GROUPS.gone, seq: { $lt: 4 } };
    expect(await database.envelopes.countDocuments({ ...lost, writtenOff: true, status: 'delivered' })).toBe(3);
    for (const who of [ann, bob]) await expectExactCounters(database, who, [FIRST_DIRECT, FIRST_GROUPS.kept]);
    expect(await database.outbox.countDocuments({ kind: 'inbox.written-off', targetId: bob.id })).toBe(0);
    expect(Object.keys(await contents())).toEqual(
      Object.keys(COLLECTIONS)
        .filter((name) => name !== 'schemaState')
        .sort(),
    );
  });

  test('a crash between any two steps is made good by the next run', async () => {
    await fillAsFirst(stack.db);
    await quietly();
    const expected = await contents();
    let steps = 0;
    for (let isThrough = false; !isThrough; steps += 1) {
      await stack.db.dropDatabase();
      await fillAsFirst(stack.db);
      isThrough = true;
      const broken = breakingAfter(stack.db, steps);
      for (const migration of MIGRATIONS) {
        await migration.run(broken, () => undefined).catch(() => (isThrough = false));
        if (!isThrough) break;
      }
      await quietly();
      expect(await contents()).toEqual(expected);
    }
    expect(steps).toBeGreaterThan(5);
  });

  test('of migrators at once one works, the others wait for it, and all end well', async () => {
    await fillAsFirst(stack.db);
    const ended = await Promise.all([run('worker/migrate'), run('worker/migrate'), run('worker/migrate')]);
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
    const done = ended.flatMap(({ lines }) => lines).filter((line) => / done in \d+ ms$/.test(line));
    expect(done).toHaveLength(MIGRATIONS.length);
    const state = await database.schemaState.findOne();
    expect(state).toMatchObject({ version: SCHEMA_VERSION, migrator: null });
    expect(state?.applied.map(({ checksum }) => checksum)).toEqual(CHECKSUMS);
  });

  test('a migrator that died keeps the next one waiting only until its lease ends', async () => {
    await fillAsFirst(stack.db);
    const until = new Date(Date.now() + 1_500);
    const migrator = { token: 'of the dead one', until };
    await database.schemaState.insertOne({ _id: 'schema', version: 0, applied: [], migrator });
    const said: string[] = [];
    await migrate(database, (line) => said.push(line));
    expect(Date.now()).toBeGreaterThanOrEqual(until.getTime());
    expect(said[0]).toBe('another migrator is at work: waiting for it');
    expect(await database.schemaState.findOne()).toMatchObject({ version: SCHEMA_VERSION, migrator: null });
  });

  test('while an api works on the database nothing is changed, and the line says what to stop', async () => {
    await fillAsFirst(stack.db);
    const before = await contents();
    const node = { _id: 'alive', leaseUntil: new Date(Date.now() + 60_000), startedAt: new Date() };
    await database.nodes.insertOne(node);
    await expect(quietly()).rejects.toThrow('1 api processes work on this database: stop every api and worker first');
    expect(await contents()).toEqual({ ...before, nodes: [node] });
  });

  test.each(['api/main', 'worker/main'])(
    '%s refuses an older database in one line, which names the command',
    async (module) => {
      await fillAsFirst(stack.db);
      const { code, lines } = await run(module);
      expect([code, lines]).toEqual([
        1,
        [
          `the database "${stack.dbName}" is older than this program (schema version 0, needed is ${SCHEMA_VERSION}): ` +
            'stop every api and worker and run "npm run migrate" (node dist/worker/migrate.js)',
        ],
      ]);
    },
  );

  test.each(['api/main', 'worker/main', 'worker/migrate'])(
    '%s refuses a newer database in one line',
    async (module) => {
      await prepareDatabase(database);
      await database.schemaState.updateOne({ _id: 'schema' }, { $inc: { version: 1 } });
      const { code, lines } = await run(module);
      expect([code, lines]).toEqual([
        1,
        [
          `the database "${stack.dbName}" is newer than this program (schema version ${SCHEMA_VERSION + 1}, known up to ` +
            `${SCHEMA_VERSION}): start the version of the server that migrated it, or a later one`,
        ],
      ]);
    },
  );

  test('a database that had another migration under the same number is refused', async () => {
    await prepareDatabase(database);
    await database.schemaState.updateOne({ _id: 'schema' }, { $set: { 'applied.0.checksum': 'of another text' } });
    await expect(prepareDatabase(database)).rejects.toThrow('had another migration 1 (guards) than this program has');
  });

  test('an empty database is at the version of the code, whoever of many opens it first', async () => {
    await Promise.all(Array.from({ length: 5 }, () => prepareDatabase(database)));
    expect(await database.schemaState.find().toArray()).toMatchObject([{ version: SCHEMA_VERSION, migrator: null }]);
  });
});

describe('the list of migrations', () => {
  const folder = join(projectRoot, 'store', 'schema', 'migrations');
  const files = readdirSync(folder).filter((name) => /^\d{3}-/.test(name));

  test('names, numbers and checksums are those of the files; who changes an applied one must say so', () => {
    const titles = MIGRATIONS.map(({ number, name }) => `${String(number).padStart(3, '0')}-${name}.ts`);
    expect(titles).toEqual(files.sort());
    const hashes = files.map((name) =>
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    );
    expect(CHECKSUMS).toEqual(hashes);
    expect(MIGRATIONS.map(({ number }) => number)).toEqual(MIGRATIONS.map((_, index) => index + 1));
  });
});

/** `db`, which breaks down after so many changes, as a process that is killed between two of them. */
function breakingAfter(db: Db, changes: number): Db {
  let left = changes;
  const changing = new Set(['renameCollection', 'dropCollection', 'updateMany']);
  const breaking = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(of, name) {
        const value: unknown = Reflect.get(of, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (changing.has(String(name)) && (left -= 1) < 0) throw new Error('the process was killed');
          const result: unknown = Reflect.apply(value, of, args);
          return name === 'collection' ? breaking(result as object) : result;
        };
      },
    });
  return breaking(db);
}
