import { randomBytes } from 'node:crypto';
import { Binary } from 'mongodb';
import { IDEMPOTENCY_HOLD_MS, IDEMPOTENCY_KEEP_MS } from '../../contract/limits';
import { createSealer } from '../../platform/sealing';
import type { SecretKey } from '../../platform/config';
import type { IdempotencyEntry } from './collections/idempotency';
import type { Database } from './database';
import { makeOrFind } from './conflicts';
import { within } from './deadline';

/** A final answer as it goes over the wire again. */
export interface KeptAnswer {
  status: number;
  headers: [name: string, value: string | string[]][];
  body: Buffer;
}

/** What using a key comes to: the caller runs the request, or learns what became of the first one. */
export type Claim =
  | { kind: 'claimed'; id: string; token: string }
  | { kind: 'running' }
  | { kind: 'conflict' }
  | { kind: 'done'; answer: KeptAnswer };

/** The key must not hold up the request that it protects for longer: the caller then fails open. */
const STORE_MS_MAX = 2_000;

/**
 * Keys and answers of conventions.md §8, shared by all processes. All times are the server's (`$$NOW`): the clocks of
 * two processes may differ.
 *
 * A process that dies after `claim` leaves the marker, which lapses after its lease; the next use then runs the request
 * again. What the first run had committed by then stays: the endpoint's own rules answer the repeat.
 */
export function createIdempotencyStore(database: Database, secretKeys: SecretKey[]) {
  const sealer = createSealer('idempotency', secretKeys);
  return {
    /**
     * Claims the key in one atomic step, over an entry that has expired too: of any number at once exactly one gets
     * `claimed`.
     * @throws Error when the store does not answer, or a kept answer cannot be opened
     */
    async claim(agentId: string, key: string, fingerprint: Buffer): Promise<Claim> {
      const id = `${agentId}:${key}`;
      const token = randomBytes(12).toString('hex');
      const entry = await insertOrRead(database, id, token, fingerprint);
      if (entry.token === token) return { kind: 'claimed', id, token };
      if (!fingerprint.equals(entry.fingerprint.buffer)) return { kind: 'conflict' };
      if (entry.answer === null) return { kind: 'running' };
      const { keyId, bytes } = entry.answer;
      return { kind: 'done', answer: unpack(sealer.open(id, { keyId, bytes: bytes.buffer })) };
    },

    /** Keeps the answer for a day from now, if the claim is still this one's. Not kept = the marker lapses. */
    async complete(id: string, token: string, answer: KeptAnswer): Promise<void> {
      const { keyId, bytes } = sealer.seal(id, pack(answer));
      const answered = { keyId: { $literal: keyId }, bytes: new Binary(bytes) };
      const kept = [{ $set: { answer: answered, expiresAt: after(IDEMPOTENCY_KEEP_MS) } }];
      await within(STORE_MS_MAX, database.idempotency.updateOne({ _id: id, token }, kept));
    },

    /** Frees the key for another try. Repeating it, or doing it late, touches nobody else's claim. */
    async release(id: string, token: string): Promise<void> {
      await within(STORE_MS_MAX, database.idempotency.deleteOne({ _id: id, token }));
    },
  };
}

export type IdempotencyStore = ReturnType<typeof createIdempotencyStore>;

const after = (ms: number) => ({ $add: ['$$NOW', ms] });

/** The entry in force after the step: a fresh marker of `token`, or what was there. One round trip. */
async function insertOrRead(
  database: Database,
  _id: string,
  token: string,
  fingerprint: Buffer,
): Promise<IdempotencyEntry> {
  const marker = {
    _id: '$_id',
    fingerprint: new Binary(fingerprint),
    token,
    answer: null,
    expiresAt: after(IDEMPOTENCY_HOLD_MS),
  };
  const step = [{ $replaceWith: { $cond: [{ $gt: ['$expiresAt', '$$NOW'] }, '$$ROOT', marker] } }];
  return makeOrFind(async () => {
    const stepping = database.idempotency.findOneAndUpdate({ _id }, step, { upsert: true, returnDocument: 'after' });
    const entry = await within(STORE_MS_MAX, stepping);
    if (entry === null) throw new Error('an upsert was answered without its document');
    return entry;
  });
}

/** One line of JSON, then the body as it was sent. */
function pack({ status, headers, body }: KeptAnswer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ status, headers })}\n`), body]);
}

function unpack(packed: Buffer): KeptAnswer {
  const end = packed.indexOf('\n');
  // The parse point of kept answers: `pack` of this file wrote them, and they were sealed since.
  const head = JSON.parse(packed.subarray(0, end).toString()) as Omit<KeptAnswer, 'body'>;
  return { ...head, body: packed.subarray(end + 1) };
}
