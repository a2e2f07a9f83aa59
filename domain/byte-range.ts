/** A part of a file: the first and the last byte, counted from 0. */
export interface ByteRange {
  first: number;
  last: number;
}

/** `bytes=0-99`, `bytes=100-` or `bytes=-100`. */
const SINGLE = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/i;

/**
 * Which part of a file of `size` bytes a request asks for (RFC 9110 §14): null = the whole, `beyond` = a part that is not
 * there. Several parts, other units and what cannot be read count as the whole, as the RFC allows. So does a part of
 * another version than the one with this `etag` (`If-Range`; a date is never the same version here).
 */
export function requestedRange(
  headers: { range: string; ifRange: string },
  file: { size: number; etag: string },
): ByteRange | 'beyond' | null {
  const match = SINGLE.exec(headers.range.trim());
  if (match === null || (headers.ifRange !== '' && headers.ifRange !== file.etag)) return null;
  const [, from = '', to = '', suffix = ''] = match;
  const end = file.size - 1;
  if (from === '')
    return Number(suffix) === 0 ? 'beyond' : { first: Math.max(0, file.size - Number(suffix)), last: end };
  const first = Number(from);
  const last = to === '' ? Number.POSITIVE_INFINITY : Number(to);
  if (last < first) return null;
  return first > end ? 'beyond' : { first, last: Math.min(last, end) };
}
