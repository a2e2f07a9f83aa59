import { AppError } from '../../contract/errors';
import type { LogPlace } from '../../store/webhooks/recovery/owed';
import type { HappeningsCursor } from '../../store/webhooks/recovery/read-happenings';

/** Where a page of a list that is sorted by time ends. */
export interface PageEnd {
  at: Date;
  id: string;
}

/** An opaque cursor. */
export const cursorOf = ({ at, id }: PageEnd): string => Buffer.from(`${at.toISOString()} ${id}`).toString('base64url');

/** The header that tells where the next page of a list is. @param query of this page */
export function nextLink(path: string, query: URLSearchParams, end: PageEnd): Record<string, string> {
  const next = new URLSearchParams(query);
  next.set('cursor', cursorOf(end));
  return { Link: `<${path}?${next.toString()}>; rel="next"` };
}

/** @throws AppError VALIDATION_ERROR for anything that `cursorOf` did not make */
export function parseCursor(cursor: string): PageEnd {
  const [time = '', id = '', ...rest] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  const at = new Date(time);
  if (id === '' || rest.length > 0 || Number.isNaN(at.getTime()) || at.toISOString() !== time) throw notOfThisList();
  return { at, id };
}

/** The cursor of a page of deliveries. */
export const logCursorOf = ({ at, order, id }: LogPlace): string =>
  Buffer.from(`${at.getTime()} ${order} ${id}`).toString('base64url');

/** @throws AppError VALIDATION_ERROR for anything that `logCursorOf` did not make */
export function parseLogCursor(cursor: string): LogPlace {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const parts = /^(\d{1,15}) ([\da-f]{12,15}:[\da-f]{12,15}) (whd_[\w-]{1,64})$/.exec(text);
  if (parts === null) throw notOfThisList();
  const [, atMs, order = '', id = ''] = parts;
  return { at: new Date(Number(atMs)), order, id };
}

/** The cursor of a page that is merged from a webhook's log and its agent's inbox. */
export function happeningsCursorOf({ logAtMs, logOrder = '', logId, position, upTo }: HappeningsCursor): string {
  return Buffer.from(`${logAtMs} ${logOrder} ${logId} ${position} ${upTo}`).toString('base64url');
}

/** @throws AppError VALIDATION_ERROR for anything that `happeningsCursorOf` did not make */
export function parseHappeningsCursor(cursor: string): HappeningsCursor {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const parts = /^(\d{1,15}) (|[\da-f]{12,15}:[\da-f]{12,15}) (|whd_[\w-]{1,64}) (\d{1,14}) (\d{1,14})$/.exec(text);
  if (parts === null) throw notOfThisList();
  const [, logAtMs, logOrder = '', logId = '', position, upTo] = parts;
  return { logAtMs: Number(logAtMs), logOrder, logId, position: Number(position), upTo: Number(upTo) };
}

const notOfThisList = (): AppError =>
  new AppError('VALIDATION_ERROR', undefined, undefined, 'The cursor is not one of this list');
