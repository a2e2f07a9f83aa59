import { Readable } from 'node:stream';
import type { Reply } from './route';
import type { ApiContext } from './state';

/**
 * A reader that takes nothing of what waits for it has so long; then its connection ends, and it may come back by the id
 * of the last event that it has. One that takes 10 KB a second frees the system's buffers in time.
 */
const STALLED_MS = 120_000;

/**
 * The records of a reply as the body of the response. Each is asked for when the reader has taken those before it: however
 * long the stream is, a slow reader costs what the system buffers, and what the records are read from.
 */
export function writeStream(
  ctx: Pick<ApiContext, 'req' | 'res' | 'set' | 'body'>,
  { type, records }: NonNullable<Reply['stream']>,
  stalledMs = STALLED_MS,
): void {
  ctx.set('Content-Type', type);
  ctx.set('Cache-Control', 'no-store');
  // Proxies collect what they are answered; each record is to be seen when it is there (gateway.md §3).
  ctx.set('X-Accel-Buffering', 'no');
  const { socket } = ctx.req;
  ctx.res.setTimeout(stalledMs, () => {
    if (ctx.res.writableLength > 0) socket.destroy();
    else socket.setTimeout(stalledMs);
  });
  ctx.body = Readable.from(records);
}
