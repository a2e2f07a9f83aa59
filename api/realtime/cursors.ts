import type { Logger } from '../../platform/logger';
import type { Connections, Registered } from '../../store/connections';
import type { Pump } from './pump';
import type { Session } from './session';

/** Sockets whose row is written at once: one bulk write of some 100 KB, and the next batch goes with the next beat. */
const ROWS_MAX = 1_000;

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
  async write(sessions: Session[]): Promise<void> {
    if (this.isWriting) return;
    this.isWriting = true;
    try {
      const moved = this.nextMoved(sessions);
      await this.deps.connections.noteCursors(moved.map(({ row }) => row));
      for (const { pump, row } of moved) pump.notedPosition = row.cursor;
    } catch (error) {
      this.deps.log.warn({ event: 'cursors.not_written', err: error });
    } finally {
      this.isWriting = false;
    }
  }

  private nextMoved(sessions: Session[]): { pump: Pump; row: Registered }[] {
    const moved: { pump: Pump; row: Registered }[] = [];
    const start = this.turn < sessions.length ? this.turn : 0;
    for (let step = 0; step < sessions.length && moved.length < ROWS_MAX; step += 1) {
      const index = (start + step) % sessions.length;
      const pump = sessions[index]?.pump ?? null;
      const row = sessions[index]?.registered() ?? null;
      if (pump !== null && row !== null && row.cursor > pump.notedPosition) moved.push({ pump, row });
      this.turn = index + 1;
    }
    return moved;
  }
}
