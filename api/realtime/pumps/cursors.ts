import type { Logger } from '../../../platform/logger';
import type { Connections, Registered } from '../../../store/nodes/connections';

/** Sockets whose row is written at once: one bulk write of some 100 KB, and the next batch goes with the next beat. */
const ROWS_MAX = 1_000;

/** A socket as far as its cursor is concerned. */
interface NotedSocket {
  pump: { notedPosition: number } | null;
  registered(): Registered | null;
}

/**
 * Writes into the registry how far the pumps of this node have come, so that flows can see how far a release got. Never
 * per message: once a beat (5 s), for sockets that moved since, at most 1,000 of them in turn. So a row may be behind
 * its pump by a beat for each 1,000 sockets that move all the time, and by as long as the database cannot be reached;
 * it is never ahead. A node that is killed leaves what it wrote last.
 */
export class CursorNotes {
  private isWriting = false;
  /** Where the turn stands, so that the last sockets of a large node get theirs too. */
  private turn = 0;

  constructor(private readonly deps: { connections: Pick<Connections, 'noteCursors'>; log: Logger }) {}

  /** Never throws. */
  async write(sockets: readonly NotedSocket[]): Promise<void> {
    if (this.isWriting) return;
    this.isWriting = true;
    try {
      const moved = this.nextMoved(sockets);
      await this.deps.connections.noteCursors(moved.map(({ row }) => row));
      for (const { pump, row } of moved) pump.notedPosition = row.cursor;
    } catch (error) {
      this.deps.log.warn({ event: 'cursors.not_written', err: error });
    } finally {
      this.isWriting = false;
    }
  }

  private nextMoved(sockets: readonly NotedSocket[]): { pump: { notedPosition: number }; row: Registered }[] {
    const moved: { pump: { notedPosition: number }; row: Registered }[] = [];
    const start = this.turn < sockets.length ? this.turn : 0;
    for (let step = 0; step < sockets.length && moved.length < ROWS_MAX; step += 1) {
      const index = (start + step) % sockets.length;
      const pump = sockets[index]?.pump ?? null;
      const row = sockets[index]?.registered() ?? null;
      if (pump !== null && row !== null && row.cursor > pump.notedPosition) moved.push({ pump, row });
      this.turn = index + 1;
    }
    return moved;
  }
}
