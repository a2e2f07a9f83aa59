import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { DRAIN_HIGH_WATER_BYTES, DRAIN_STALL_MS } from '../../../contract/limits';

const RECHECK_MS = 20;

/**
 * Waits until a slow reader has taken what waits for it, or `isStopped`. False: it made no progress for 10 s
 * (realtime.md §5.5).
 */
export async function waitForRoom(socket: WebSocket, isStopped: () => boolean): Promise<boolean> {
  let lastBytes = socket.bufferedAmount;
  let progressMs = Date.now();
  while (socket.bufferedAmount > DRAIN_HIGH_WATER_BYTES && !isStopped()) {
    await sleep(RECHECK_MS);
    if (socket.bufferedAmount < lastBytes) progressMs = Date.now();
    lastBytes = socket.bufferedAmount;
    if (Date.now() - progressMs > DRAIN_STALL_MS) return false;
  }
  return true;
}
