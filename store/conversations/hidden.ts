import type { Database } from '../schema/database';
import type { HiddenRange } from '../schema/collections/read-states';
import { safely, type ReadOptions } from './participation';

interface Place {
  agentId: string;
  conversationId: string;
}

/** Hidden ranges from `seq` downwards, nearest first. */
export function findHiddenBefore(
  database: Database,
  place: Place,
  { seq, limit }: { seq: number; limit: number },
  options: ReadOptions = {},
): Promise<HiddenRange[]> {
  return database.hiddenRanges
    .find({ ...place, from: { $lte: seq } }, { ...safely(options), sort: { from: -1 }, limit })
    .toArray();
}

/** Hidden ranges from `seq` upwards, nearest first. */
export function findHiddenAfter(
  database: Database,
  place: Place,
  { seq, limit }: { seq: number; limit: number },
  options: ReadOptions = {},
): Promise<HiddenRange[]> {
  return database.hiddenRanges
    .find({ ...place, to: { $gte: seq } }, { ...safely(options), sort: { to: 1 }, limit })
    .toArray();
}

/** Whether the agent hid the message at `seq`. */
export async function isHidden(
  database: Database,
  place: Place,
  seq: number,
  options: ReadOptions = {},
): Promise<boolean> {
  const [range] = await findHiddenBefore(database, place, { seq, limit: 1 }, options);
  return range !== undefined && range.to >= seq;
}
