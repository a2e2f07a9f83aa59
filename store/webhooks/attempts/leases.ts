import type { Filter } from 'mongodb';
import { WITHOUT_LOG, type Delivery } from '../../schema/collections/deliveries';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';
import { within } from '../../schema/deadline';
import { ATTEMPT_LEASE_MS, CLAIM_MS_MAX, releaseSlots, takeSlots, type Slots } from './slots';
import { withdraw } from './withdraw';

/** An attempt that may start now: its delivery is ours, and it has a place on the wire. */
export interface Lease {
  delivery: Delivery;
  webhook: Webhook;
  token: string;
}

export interface LeaseInput {
  webhookId: string;
  /** At most this many. */
  count: number;
  /** Makes a token for a place on the wire. */
  newToken: () => string;
  /** The time that the attempt is recorded with: the machine's, or the flow's. */
  now: Date;
}

/**
 * What taking leases came to. `refused` = no attempt may start at this webhook now; `pacedUntil` = more may then, by the
 * clock of the machine, when its rate limit lets them.
 */
export type Leased = { leases: Lease[]; refused: boolean; pacedUntil?: Date };

/**
 * Leases first attempts, oldest first. Place before delivery: whoever deletes, holds or deactivates the webhook in
 * between decides.
 *
 * Dies after the places: their lease ends. Dies after a delivery is taken: its lease ends, the attempt counts as lost
 * and is repeated. Two at once: the second finds the delivery taken and gives its place back.
 */
export async function leaseFirst(database: Database, input: LeaseInput): Promise<Leased> {
  for (let before: string | undefined; ;) {
    const rows = await firstInTurn(database, input);
    const oldest = rows[0];
    const isInTurn = oldest?.released === true;
    const leased = await leaseRows(database, input, rows, { status: 'pending' }, isInTurn ? 1 : undefined);
    // Nothing although another one was the oldest before: that one was taken back, and whoever waits behind it may start.
    const isPaced = leased.pacedUntil !== undefined;
    const isOver = leased.leases.length > 0 || leased.refused || isPaced;
    if (isOver || oldest === undefined || oldest._id === before) return leased;
    before = oldest._id;
  }
}

/**
 * What may start now. What a pause held back arrives in its order, one at a time: the next one starts when nothing else
 * is on the wire, not even what is older.
 */
async function firstInTurn(
  database: Database,
  { webhookId, count }: LeaseInput,
): Promise<Pick<Delivery, '_id' | 'released'>[]> {
  const rows = await database.deliveries
    .find({ webhookId, status: 'pending' }, { projection: { released: 1 }, sort: { order: 1 }, limit: count, ...READ })
    .toArray();
  if (rows[0]?.released === true) return rows.slice(0, 1);
  const firstReleased = rows.findIndex(({ released }) => released === true);
  return firstReleased === -1 ? rows : rows.slice(0, firstReleased);
}

/** The same for attempts 2 to 9 that are due at `now`; those that are due are taken in the order of their events. */
export async function leaseDue(database: Database, input: LeaseInput): Promise<Leased> {
  const { webhookId, count, now } = input;
  const rows = await database.deliveries
    .find(
      { webhookId, status: 'failed', nextAttemptAt: { $lte: now } },
      { projection: { order: 1 }, sort: { nextAttemptAt: 1 }, limit: DUE_READ_MAX, ...READ },
    )
    .toArray();
  const oldest = rows.sort((one, other) => (one.order < other.order ? -1 : 1)).slice(0, count);
  return leaseRows(database, input, oldest, { status: 'failed', nextAttemptAt: { $lte: now } });
}

/** Of how many that are due the oldest are chosen. */
const DUE_READ_MAX = 100;

async function leaseRows(
  database: Database,
  { webhookId, newToken, now }: LeaseInput,
  rows: { _id: string }[],
  expected: Filter<Delivery>,
  atOnceMax?: number,
): Promise<Leased> {
  if (rows.length === 0) return { leases: [], refused: false };
  const slots = await takeSlots(database, { webhookId, tokens: rows.map(newToken), now: new Date(), atOnceMax });
  if (slots === null) return { leases: [], refused: true };
  const leases = await Promise.all(
    slots.tokens.map((token, index) => leaseOne(database, { id: rows[index]?._id ?? '', expected, token, slots, now })),
  );
  const got = leases.filter((lease) => lease !== null);
  const used = new Set(got.map(({ token }) => token));
  await releaseSlots(
    database,
    webhookId,
    slots.tokens.filter((token) => !used.has(token)),
  );
  const { pacedUntil } = slots;
  return { leases: got, refused: false, ...(pacedUntil === undefined ? {} : { pacedUntil }) };
}

/** Makes one delivery ours, as the next attempt of it; null when it is somebody else's or ended by now. */
export async function leaseOne(
  database: Database,
  {
    id,
    expected,
    token,
    slots,
    now,
  }: { id: string; expected: Filter<Delivery>; token: string; slots: Slots; now: Date },
): Promise<Lease | null> {
  const leaseUntil = new Date(Date.now() + ATTEMPT_LEASE_MS);
  const taking = database.deliveries.findOneAndUpdate(
    { ...expected, _id: id },
    [
      {
        $set: {
          status: 'delivering',
          attempts: { $add: ['$attempts', 1] },
          nextAttemptAt: null,
          firstAttemptAt: { $ifNull: ['$firstAttemptAt', now] },
          lastAttemptAt: now,
          leaseUntil,
        },
      },
    ],
    { returnDocument: 'after', projection: WITHOUT_LOG },
  );
  const delivery = await within(CLAIM_MS_MAX, taking);
  if (delivery === null || (await withdraw(database, delivery))) return null;
  return { delivery, webhook: slots.webhook, token };
}
