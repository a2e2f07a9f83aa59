import { ATTACHMENT_BYTES_MAX } from './limits';

/**
 * How long requests may take to come in. The contract has no such times, only the bytes of conventions.md §15, so these
 * follow from them: who sends 64 KiB a second (half of a slow phone's uplink) gets the largest body of a call through, with
 * half a minute to spare. Whoever takes longer holds memory, and goes on with what was true when its call began.
 */
export const HEADERS_MS_MAX = 20_000;
export const BODY_SPARE_MS = 30_000;
export const BODY_BYTES_PER_SECOND = 65_536;

/** How long a body of at most `bytesMax` may take. */
export function bodyMsMax(bytesMax: number): number {
  return BODY_SPARE_MS + Math.ceil((bytesMax * 1_000) / BODY_BYTES_PER_SECOND);
}

/** Any request from its first byte to its last: its headers, and the largest body of all, which is an upload's. */
export const REQUEST_MS_MAX = HEADERS_MS_MAX + bodyMsMax(ATTACHMENT_BYTES_MAX);
