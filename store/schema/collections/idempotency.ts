import type { Binary } from 'mongodb';
import { shape, collection } from './collection';

/**
 * One use of an `Idempotency-Key`: running while `answer` is null. `_id` = `<agent id>:<key>`, so one agent's keys are
 * unique and two agents never meet.
 */
export interface IdempotencyEntry {
  _id: string;
  /** SHA-256 over method, path and body. */
  fingerprint: Binary;
  /** Random per claim: only who claimed may store the answer. */
  token: string;
  /** Status, headers and body, sealed: answers hold personal data and sometimes secrets. */
  answer: { keyId: string; bytes: Binary } | null;
  /** End of the marker's lease while running, of the answer's life afterwards. By the server's clock. */
  expiresAt: Date;
}

export const idempotency = collection<IdempotencyEntry>({
  schema: shape({
    _id: 'string',
    fingerprint: 'binData',
    token: 'string',
    answer: ['object', 'null'],
    expiresAt: 'date',
  }),
  // claims check expiresAt themselves: background deletion may lag a minute
  indexes: [{ name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 0 }],
});
