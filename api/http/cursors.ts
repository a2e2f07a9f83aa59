import { AppError } from '../../contract/errors';
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
  if (id === '' || rest.length > 0 || Number.isNaN(at.getTime()) || at.toISOString() !== time) {
    throw new AppError('VALIDATION_ERROR', undefined, undefined, 'The cursor is not one of this list');
  }
  return { at, id };
}

/** The cursor of a page that is merged from a webhook's log and its agent's inbox. */
export function happeningsCursorOf({ logAtMs, logId, position, upTo }: HappeningsCursor): string {
  return Buffer.from(`${logAtMs} ${logId} ${position} ${upTo}`).toString('base64url');
}

/** @throws AppError VALIDATION_ERROR for anything that `happeningsCursorOf` did not make */
export function parseHappeningsCursor(cursor: string): HappeningsCursor {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const parts = /^(\d{1,15}) (|whd_[\w-]{1,64}) (\d{1,14}) (\d{1,14})$/.exec(text);
  if (parts === null)
    throw new AppError('VALIDATION_ERROR', undefined, undefined, 'The cursor is not one of this list');
  const [, logAtMs, logId = '', position, upTo] = parts;
  return { logAtMs: Number(logAtMs), logId, position: Number(position), upTo: Number(upTo) };
}
