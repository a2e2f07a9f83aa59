import { AppError } from '../../contract/errors';
import type { GatewayKey } from '../schema/collections/gateway';
import type { Owner } from '../schema/collections/owners';
import type { Database } from '../schema/database';
import { within } from '../schema/deadline';
import { READ, WRITE } from '../schema/reads';

/** More than anybody has applications for; a list shows all. */
const KEYS_MAX = 100;

/** Bounded on our side too: a database that takes calls and never answers must end in a 503, not in silence. */
const KEY_MS_MAX = 5_000;

/** How exact the time of a key's last use is: a busy application must not cost a write for each of its calls. */
const USE_STEP_MS = 60_000;

/** The key with this hash and its owner, as they are now; null: it was revoked, or never was. */
export function findKey(database: Database, keyHash: string): Promise<{ key: GatewayKey; owner: Owner } | null> {
  const find = async () => {
    const key = await database.gatewayKeys.findOne({ keyHash }, { maxTimeMS: KEY_MS_MAX });
    const owner =
      key === null
        ? null
        : await database.owners.findOne({ _id: key.ownerId, deletedAt: null }, { maxTimeMS: KEY_MS_MAX });
    return key === null || owner === null ? null : { key, owner };
  };
  return within(KEY_MS_MAX, find());
}

/** Writes down that the key was used. Repeating it changes nothing. */
export async function noteKeyUsed(database: Database, { _id, lastUsedAt }: GatewayKey, now: Date): Promise<void> {
  if (lastUsedAt !== null && now.getTime() - lastUsedAt.getTime() < USE_STEP_MS) return;
  await database.gatewayKeys.updateOne({ _id }, { $max: { lastUsedAt: now } }, WRITE);
}

/** @throws AppError LIMIT_REACHED; two at once may exceed it by one, which harms nobody */
export async function insertKey(database: Database, key: GatewayKey): Promise<void> {
  const count = await database.gatewayKeys.countDocuments({ ownerId: key.ownerId }, READ);
  if (count >= KEYS_MAX) throw new AppError('LIMIT_REACHED', { limit: KEYS_MAX });
  await database.gatewayKeys.insertOne(key, WRITE);
}

/** The keys of an owner, newest first. */
export function listKeys(database: Database, ownerId: string): Promise<GatewayKey[]> {
  return database.gatewayKeys
    .find({ ownerId }, { ...READ, sort: { createdAt: -1, _id: 1 }, limit: KEYS_MAX + 1 })
    .toArray();
}

/** @returns false when the owner has no such key */
export async function deleteKey(database: Database, ownerId: string, id: string): Promise<boolean> {
  const { deletedCount } = await database.gatewayKeys.deleteOne({ _id: id, ownerId }, WRITE);
  return deletedCount === 1;
}

/** Which of these keys were not revoked. @param ids each once */
export async function findValidKeys(database: Database, ids: string[]): Promise<Set<string>> {
  const rows = await database.gatewayKeys
    .find({ _id: { $in: ids } }, { ...READ, projection: { _id: 1 }, limit: ids.length })
    .toArray();
  return new Set(rows.map(({ _id }) => _id));
}
