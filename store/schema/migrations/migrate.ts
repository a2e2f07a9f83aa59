import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CannotStart } from '../../../platform/cannot-start';
import { repeat } from '../../../platform/repeat';
import type { Database } from '../database';
import { prepareDatabase } from './prepare';
import { MIGRATIONS, SCHEMA_VERSION } from './all';
import type { Migration } from './migration';
import { appliedNow, readSchemaState } from './schema-version';

/** A migrator that shows no life for this long is taken for dead, and another one goes on. */
const LEASE_MS = 5_000;
const RENEW_MS = 1_000;
/** How often whoever waits looks again. */
const POLL_MS = 200;
/** A killed api counts as running until its lease ends, within a second. */
const STANDSTILL_MS_MAX = 5_000;

/**
 * Brings a database to the version of this code: the migrations that it lacks, in their order, then collections,
 * validators and indexes. One migrator works at a time, the others wait for it. After a crash at any point the next
 * run goes on: a migration counts only when it was recorded, and may be run again.
 * @param say gets one line for each thing that was done
 * @throws CannotStart when the database is newer, or api processes are running that a migration cannot stand
 */
export async function migrate(database: Database, say: (line: string) => void): Promise<void> {
  let isWaiting = false;
  while ((await readSchemaState(database)).version < SCHEMA_VERSION) {
    const token = await takeLease(database);
    if (token !== null) await underLease(database, token, () => applyMissing(database, token, say));
    else {
      if (!isWaiting) say('another migrator is at work: waiting for it');
      isWaiting = true;
      await sleep(POLL_MS);
    }
  }
  await prepareDatabase(database);
  say(`the database "${database.db.databaseName}" is at schema version ${SCHEMA_VERSION}`);
}

/** Applies what is missing, until it is through or the lease is somebody else's. */
async function applyMissing(database: Database, token: string, say: (line: string) => void): Promise<void> {
  const { version } = await readSchemaState(database);
  for (const migration of MIGRATIONS.slice(version)) {
    if (migration.needsStandstill) await untilStandstill(database);
    const startedMs = performance.now();
    const title = `migration ${migration.number} (${migration.name})`;
    await migration.run(database.db, (line) => say(`${title}: ${line}`));
    if (!(await record(database, token, migration))) return say(`${title}: another migrator took over`);
    say(`${title}: done in ${Math.round(performance.now() - startedMs)} ms`);
  }
}

/** The server's clock: those of two machines may differ. */
const LEASE_END = { $add: ['$$NOW', LEASE_MS] };

/** Returns null while another migrator has it. */
async function takeLease(database: Database): Promise<string | null> {
  const token = randomUUID();
  const { modifiedCount } = await database.schemaState.updateOne(
    { _id: 'schema', $or: [{ migrator: null }, { $expr: { $lt: ['$migrator.until', '$$NOW'] } }] },
    [{ $set: { migrator: { token, until: LEASE_END } } }],
  );
  return modifiedCount === 0 ? null : token;
}

/** Shows life while `work` runs, and returns the lease after it, also after a failure. */
async function underLease(database: Database, token: string, work: () => Promise<void>): Promise<void> {
  const own = { _id: 'schema' as const, 'migrator.token': token };
  // One that fails is made up for by the next; whoever lost the lease finds out when it records what it did.
  const renew = () =>
    database.schemaState.updateOne(own, [{ $set: { 'migrator.until': LEASE_END } }]).catch(() => null);
  const renewing = repeat(renew, { everyMs: RENEW_MS, isLater: true });
  try {
    await work();
  } finally {
    await renewing.stop();
    await database.schemaState.updateOne(own, { $set: { migrator: null } });
  }
}

/** Returns false when the lease is not this migrator's any more. */
async function record(database: Database, token: string, { number }: Migration): Promise<boolean> {
  const { matchedCount } = await database.schemaState.updateOne(
    { _id: 'schema', version: number - 1, 'migrator.token': token },
    { $set: { version: number }, $push: { applied: appliedNow(number, new Date()) } },
  );
  return matchedCount === 1;
}

async function untilStandstill(database: Database): Promise<void> {
  const endMs = performance.now() + STANDSTILL_MS_MAX;
  for (;;) {
    const running = await database.nodes.countDocuments({ $expr: { $gt: ['$leaseUntil', '$$NOW'] } });
    if (running === 0) return;
    if (performance.now() > endMs) {
      throw new CannotStart(`${running} api processes work on this database: stop every api and worker first`);
    }
    await sleep(POLL_MS);
  }
}
