import type { Filter } from 'mongodb';
import { WITHOUT_LOG, type Delivery } from '../../schema/collections/deliveries';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';
import { within } from '../../schema/deadline';
import { leaseBatch } from './lease-batch';
import { ATTEMPT_LEASE_MS, CLAIM_MS_MAX, releaseSlots, takeSlots, type Slots } from './slots';
import { dueUnits, firstUnits, isDue, type SendingMode, type Unit } from './units';
import { withdraw } from './withdraw';

/** An attempt that may start now: its delivery is ours, and it has a place on the wire. */
export interface Lease {
  /** Of a batch the oldest. */
  delivery: Delivery;
  /** All that the request carries, oldest first; absent = it is no batch. */
  batch?: Delivery[];
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

/** Most webhooks ask for neither an order nor batches. */
const PLAIN: SendingMode = {};

/**
 * Leases first attempts, oldest first. Place before delivery: whoever deletes, holds or deactivates the webhook in
 * between decides.
 *
 * A place is given only while the webhook wants what the deliveries were chosen by: so a change of its order or its
 * batches is in force for the next attempt, and webhooks that want neither cost no look at what they want.
 *
 * Dies after the places: their lease ends. Dies after a delivery is taken: its lease ends, the attempt counts as lost
 * and is repeated. Two at once: the second finds the delivery taken and gives its place back.
 */
export function leaseFirst(database: Database, input: LeaseInput): Promise<Leased> {
  return inModeOf(database, input, (mode) => leaseFirstIn(database, input, mode));
}

async function leaseFirstIn(database: Database, input: LeaseInput, mode: SendingMode): Promise<Leased> {
  for (let before: string | undefined; ;) {
    const { units, atOnceMax } = await firstUnits(database, input, mode);
    const { hadPlaces, ...leased } = await leaseUnits(database, input, units, { wanted: exactlyIn(mode), atOnceMax });
    // Places, but nothing to start: what was chosen was taken back or is somebody else's, and whoever waits behind it may
    // start. Unless the same is chosen again.
    const chosen = units[0]?.ids.join(' ');
    const isPaced = leased.pacedUntil !== undefined;
    if (!hadPlaces || isPaced || leased.leases.length > 0 || chosen === before) return leased;
    before = chosen;
  }
}

/** The same for attempts 2 to 9 that are due at `now`; those that are due are taken in the order of their events. */
export function leaseDue(database: Database, input: LeaseInput): Promise<Leased> {
  return inModeOf(database, input, async (mode) => {
    const units = await dueUnits(database, input, mode);
    // What was put together once is repeated together, whatever the webhook wants by now.
    const { ordering } = exactlyIn(mode);
    const { hadPlaces: _, ...leased } = await leaseUnits(database, input, units, { wanted: { ordering } });
    return leased;
  });
}

/** Without a look at the webhook, as most are: it is looked at only when it gives no place. */
async function inModeOf(
  database: Database,
  { webhookId }: LeaseInput,
  lease: (mode: SendingMode) => Promise<Leased>,
): Promise<Leased> {
  const plain = await lease(PLAIN);
  if (!plain.refused) return plain;
  const mode = await database.webhooks.findOne<SendingMode>(
    { _id: webhookId, active: true, held: null },
    { projection: { _id: 0, ordering: 1, batching: 1 }, ...READ },
  );
  return mode === null || (mode.ordering === undefined && mode.batching === undefined) ? plain : lease(mode);
}

/** A webhook that wants this and no more. */
export const exactlyIn = ({ ordering, batching }: SendingMode) => ({
  ordering: ordering ?? { $exists: false },
  batching: batching ?? { $exists: false },
});

async function leaseUnits(
  database: Database,
  { webhookId, newToken, now }: LeaseInput,
  units: Unit[],
  { wanted, atOnceMax }: { wanted: Filter<Webhook>; atOnceMax?: number | undefined },
): Promise<Leased & { hadPlaces: boolean }> {
  if (units.length === 0) return { leases: [], refused: false, hadPlaces: false };
  const tokens = units.map(newToken);
  const slots = await takeSlots(database, { webhookId, tokens, now: new Date(), wanted, atOnceMax });
  if (slots === null) return { leases: [], refused: true, hadPlaces: false };
  const leases = await Promise.all(
    units.slice(0, slots.tokens.length).map((unit, index) => {
      const token = slots.tokens[index] ?? '';
      return leaseUnit(database, { unit, token, slots, now });
    }),
  );
  const got = leases.filter((lease) => lease !== null);
  const used = new Set(got.map(({ token }) => token));
  await releaseSlots(
    database,
    webhookId,
    slots.tokens.filter((token) => !used.has(token)),
  );
  const { pacedUntil } = slots;
  const hadPlaces = slots.tokens.length > 0;
  return { leases: got, refused: false, hadPlaces, ...(pacedUntil === undefined ? {} : { pacedUntil }) };
}

/** Makes what one request carries ours, as its next attempt; null when it is somebody else's or ended by now. */
export async function leaseUnit(
  database: Database,
  { unit, token, slots, now }: { unit: Unit; token: string; slots: Slots; now: Date },
): Promise<Lease | null> {
  const leaseUntil = new Date(Date.now() + ATTEMPT_LEASE_MS);
  const $set = {
    status: 'delivering',
    attempts: { $add: ['$attempts', 1] },
    nextAttemptAt: null,
    firstAttemptAt: { $ifNull: ['$firstAttemptAt', now] },
    lastAttemptAt: now,
    leaseUntil,
  };
  const { batchId } = unit;
  const { webhook } = slots;
  if (batchId === undefined) {
    const delivery = await leaseOne(database, unit, $set, now);
    return delivery === null ? null : { delivery, webhook, token };
  }
  const batch = await within(CLAIM_MS_MAX, leaseBatch(database, { unit, batchId, $set, now }));
  const [delivery] = batch;
  return delivery === undefined ? null : { delivery, batch, webhook, token };
}

async function leaseOne(
  database: Database,
  { ids: [_id], status }: Unit,
  $set: object,
  now: Date,
): Promise<Delivery | null> {
  const expected: Filter<Delivery> = status === 'pending' ? { status } : isDue(now);
  const taking = database.deliveries.findOneAndUpdate({ ...expected, _id }, [{ $set }], {
    returnDocument: 'after',
    projection: WITHOUT_LOG,
  });
  const delivery = await within(CLAIM_MS_MAX, taking);
  return delivery === null || (await withdraw(database, delivery)) ? null : delivery;
}
