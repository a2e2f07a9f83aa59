import { visibleJson } from './message-parts';
import { inLabel, type Place } from './times';
import type { Delivery, DeliveryDetail } from './wire';
import type { Light } from './agents';

type Status = Delivery['status'];

/** docs/contract/webhooks.md §11.1: what a list can be asked for. */
export const STATUSES: readonly { value: Status; text: string }[] = [
  { value: 'pending', text: 'Waiting' },
  { value: 'delivering', text: 'On its way' },
  { value: 'delivered', text: 'Delivered' },
  { value: 'failed', text: 'Failed, is repeated' },
  { value: 'dead', text: 'Given up' },
  { value: 'cancelled', text: 'Cancelled' },
];

/** docs/contract/webhooks.md §1, §5; the last one is for agents of the platform. */
export const EVENTS: readonly Delivery['event'][] = [
  'message.new',
  'message.read',
  'presence.update',
  'contact.blocked',
  'group.invite.received',
  'group.deleted',
  'agent.created',
  'webhook.delivery.exhausted',
  'webhook.endpoint.failing',
  'webhook.endpoint.disabled',
  'webhook.endpoint.recovered',
  'webhook.secret.rotated',
];

const LIGHTS: Readonly<Record<Status, Light | 'plain'>> = {
  pending: 'plain',
  delivering: 'plain',
  delivered: 'green',
  failed: 'amber',
  dead: 'red',
  cancelled: 'plain',
};

/** How far a delivery is. */
export function deliveryBadge({ status }: Pick<Delivery, 'status'>): { light: Light | 'plain'; text: string } {
  return { light: LIGHTS[status], text: STATUSES.find(({ value }) => value === status)?.text ?? status };
}

const HELD: Readonly<Record<NonNullable<Delivery['held']>, string>> = {
  circuit_open: 'waits until the endpoint has rested',
  paused: 'waits for the end of the pause',
  ordering: 'waits for an earlier one',
};

/** The line below a delivery's event: how often it was tried, what came of it, and when it is tried next. */
export function deliveryNote(delivery: Delivery, nowMs: number, place: Place = {}): string {
  const { attempts, max_attempts: max, last_error: error, last_status: status, replay_of: original } = delivery;
  const isOver = !isUnfinished(delivery);
  return [
    ...(original === null ? [] : ['sent again']),
    ...(attempts === 0 ? [] : [`attempt ${attempts} of ${max}`]),
    ...(error !== null ? [error] : status === null ? [] : [`HTTP ${status}`]),
    ...(isOver ? [] : nextNote(delivery, nowMs, place)),
  ].join(' · ');
}

function nextNote({ held, next_attempt_at: next }: Delivery, nowMs: number, place: Place): string[] {
  if (held !== null) return [HELD[held]];
  return next === null ? [] : [`next attempt ${inLabel(next, nowMs, place)}`];
}

/** Whether something is still going to happen to it by itself. */
export const isUnfinished = ({ status }: Pick<Delivery, 'status'>): boolean =>
  status === 'pending' || status === 'delivering' || status === 'failed';

/** What is under way cannot be sent again, and an endpoint that is disabled gets nothing. */
export const canRedeliver = ({ status }: Pick<Delivery, 'status'>, { active }: { active: boolean }): boolean =>
  active && status !== 'pending' && status !== 'delivering';

/** What a list is narrowed to; empty = everything. Times are those of the reader's zone, by creation. */
export interface DeliveryFilter {
  status: string;
  event: string;
  since: string;
  until: string;
}

export const NO_FILTER: DeliveryFilter = { status: '', event: '', since: '', until: '' };

export const isFiltered = (filter: DeliveryFilter): boolean => Object.values(filter).some((value) => value !== '');

/** The fields of the list's query. A time that is not typed to its end is none yet. */
export function filterQuery({ status, event, since, until }: DeliveryFilter): Record<string, string | undefined> {
  return { status: status || undefined, event: event || undefined, since: isoOf(since), until: isoOf(until) };
}

/** As fields of date and time have it, up to the year that the wire knows. */
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

function isoOf(local: string): string | undefined {
  const ms = LOCAL_TIME.test(local) ? Date.parse(local) : NaN;
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

/** What is known of a list, newest first. */
export interface Deliveries {
  rows: Delivery[];
  /** Where the next page begins; null at the end. */
  nextCursor: string | null;
}

/**
 * The first page as it is now, and behind it what was read further down before. When so much came meanwhile that the two
 * do not touch, the page is all that is known: between them would be a gap that nobody sees.
 */
export function withFirstPage(known: Deliveries | undefined, page: Deliveries): Deliveries {
  const fresh = new Set(page.rows.map(({ id }) => id));
  const last = known?.rows.findLastIndex(({ id }) => fresh.has(id)) ?? -1;
  if (known === undefined || last < 0 || page.nextCursor === null) return page;
  const rest = known.rows.slice(last + 1);
  return rest.length === 0 ? page : { rows: [...page.rows, ...rest], nextCursor: known.nextCursor };
}

/** With the next page behind it. */
export function withNextPage(known: Deliveries, page: Deliveries): Deliveries {
  const ids = new Set(known.rows.map(({ id }) => id));
  return { rows: [...known.rows, ...page.rows.filter(({ id }) => !ids.has(id))], nextCursor: page.nextCursor };
}

/** A body as it is read: JSON in lines; anything else as it came. */
export function bodyText(body: string): string {
  try {
    return visibleJson(JSON.stringify(JSON.parse(body), null, 2));
  } catch {
    return visibleJson(body);
  }
}

/** What the connection says of itself, which curl does, too. */
const NOT_COPIED = /^(host|content-length|connection|transfer-encoding|accept-encoding)$/i;

/**
 * The request as a command of a shell. Signatures stand in it as the log has them, redacted: whoever runs it tests a
 * receiver that does not verify, or sees that one that does refuses it. Everything is quoted, and what a terminal could
 * take for more than a character is written out.
 */
export function curlOf({ headers, body }: DeliveryDetail['request'], url: string): string {
  const shown = Object.entries(headers).filter(([name]) => !NOT_COPIED.test(name));
  const all = shown.length === 0 ? [['content-type', 'application/json'] as const] : shown;
  return [
    `curl -X POST ${quoted(hrefOf(url))}`,
    ...all.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `--data-raw ${quoted(visibleJson(body))}`,
  ].join(' \\\n  ');
}

/** As browsers and curl send it: everything beyond plain characters is encoded. */
function hrefOf(url: string): string {
  try {
    return new URL(url).href;
  } catch {
    return encodeURI(url);
  }
}

/** Between single quotes a shell takes everything as it is; they themselves stand between others. */
const quoted = (text: string): string => `'${text.replace(CONTROL, ' ').replaceAll("'", `'\\''`)}'`;

/** Not in JSON or in a header, but whoever copies this trusts the page. */
const CONTROL = /[\u0000-\u001f]/g;
