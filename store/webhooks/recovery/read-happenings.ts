import { mergeHappenings, type Happening } from '../../../domain/event-page';
import type { InboxInGuard } from '../../../domain/guards';
import type { Delivery } from '../../schema/collections/deliveries';
import type { Envelope } from '../../schema/collections/messages';
import type { Webhook } from '../../schema/collections/webhooks';
import type { Database } from '../../schema/database';
import { lookForMissing, rangeOf, type Looked } from './never-made';
import type { LogPlace } from './owed';

/** How far a reader of both sources is: times in epoch ms, so that it can stand in a history and in a cursor. */
export interface HappeningsCursor {
  logAtMs: number;
  /** Absent in one of an earlier version: the millisecond is read from its beginning. */
  logOrder?: string;
  logId: string;
  /** The last position that was looked at, and the last one of the time asked for. */
  position: number;
  upTo: number;
}

/** Something of a webhook: a row of its log, or a message of which it has none. */
export type WebhookHappening = { kind: 'log'; delivery: Delivery } | { kind: 'inbox'; envelope: Envelope };

type Row = Happening & WebhookHappening;

export interface HappeningsQuery {
  cursor: HappeningsCursor;
  time: { since: Date; until: Date };
  /** Null: messages without a delivery are not looked for. */
  inbox: InboxInGuard | null;
  wantedMax: number;
  readLog: (after: LogPlace, limit: number) => Promise<Delivery[]>;
}

/** Envelopes of one look: most of them have their deliveries, and each costs one key. */
const LOOKED_MAX = 500;

/** Where a reader of this time begins. */
export async function startOf(
  database: Database,
  agentId: string,
  inbox: InboxInGuard | null,
  time: { since: Date; until: Date },
): Promise<HappeningsCursor> {
  const { after, upTo } = inbox === null ? { after: 0, upTo: 0 } : await rangeOf(database, agentId, inbox, time);
  return { logAtMs: time.since.getTime(), logOrder: '', logId: '', position: after, upTo };
}

/** The next page, oldest first. It may be empty although there is more: then nothing of what was looked at was wanted. */
export async function readHappenings(
  database: Database,
  webhook: Pick<Webhook, '_id' | 'agentId'>,
  { cursor, time, inbox, wantedMax, readLog }: HappeningsQuery,
): Promise<{ found: WebhookHappening[]; cursor: HappeningsCursor; isMore: boolean }> {
  const log = await readLog(placeOf(cursor), wantedMax);
  const look = { range: { after: cursor.position, upTo: cursor.upTo }, time, writtenOff: inbox?.writtenOff };
  const looked = inbox === null ? [] : await lookForMissing(database, webhook, { ...look, limit: LOOKED_MAX });
  const page = mergeHappenings<Row>(
    [
      { rows: log.map(ofLog), isFull: log.length === wantedMax },
      { rows: ofInbox(looked), isFull: looked.length === LOOKED_MAX },
    ],
    wantedMax,
  );
  return {
    found: page.rows.filter(({ isWanted }) => isWanted),
    cursor: page.rows.reduce(after, cursor),
    isMore: page.isMore,
  };
}

const placeOf = ({ logAtMs, logOrder, logId }: HappeningsCursor): LogPlace =>
  logOrder === undefined
    ? { at: new Date(logAtMs), order: '', id: '' }
    : { at: new Date(logAtMs), order: logOrder, id: logId };

const ofLog = (delivery: Delivery): Row => ({
  kind: 'log',
  delivery,
  atMs: delivery.createdAt.getTime(),
  isWanted: true,
});

/** In the order of the inbox, whose times fall where two clocks differ: each counts as late as those before it. */
function ofInbox(looked: Looked[]): Row[] {
  let atMs = 0;
  return looked.map(({ envelope, isMissing }) => {
    atMs = Math.max(atMs, envelope.createdAt.getTime());
    return { kind: 'inbox', envelope, atMs, isWanted: isMissing };
  });
}

function after(cursor: HappeningsCursor, row: Row): HappeningsCursor {
  return row.kind === 'log'
    ? { ...cursor, logAtMs: row.atMs, logOrder: row.delivery.order, logId: row.delivery._id }
    : { ...cursor, position: row.envelope.position };
}
