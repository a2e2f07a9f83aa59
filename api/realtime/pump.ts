import type { WebSocket } from 'ws';
import {
  DRAIN_BATCH,
  DRAIN_HIGH_WATER_BYTES,
  DRAIN_PAUSE_MS,
  DRAIN_ROWS_MAX,
  DRAIN_STALL_MS,
  SOCKET_BUFFER_BYTES_MAX,
} from '../../contract/limits';
import type { Logger } from '../../platform/logger';
import type { AgentReader } from '../../store/agents';
import type { Agent } from '../../store/collections/agents';
import type { Committed } from '../../store/committer/send-types';
import type { Database } from '../../store/database';
import { findInboxIn, readStored, type InboxRow } from '../../store/inbox';
import { presentRow } from '../presenters/message';
import { messageFrame } from './frames';

export interface PumpDeps {
  database: Database;
  agents: AgentReader;
  log: Logger;
  /** Called when a frame was handed to the socket, after its bytes left without error. */
  onPushed: (row: InboxRow) => void;
  /** Called when the reader is too slow: the socket has to end. */
  onOverload: () => void;
  /** False: this node may have been given up, and what it pushes might come after an order that it did not hear. */
  mayPush: () => boolean;
}

const RECHECK_MS = 20;

/**
 * Sends one agent's envelopes to one socket in delivery order: first what is stored, then what comes. Its cursor is
 * the last position that was dealt with; a woken row that is exactly the next one is sent from memory, anything else
 * is read from the store. So order, drain, back pressure, pause and many nodes are one mechanism, and nothing is sent
 * twice on one connection.
 */
export class Pump {
  private cursor = 0;
  /** Up to here the socket gets muted rows too: they are its backlog (realtime.md §5.4). */
  private drainUpTo: number | null = null;
  private isReading = false;
  private isDirty = true;
  private isStopped = false;
  /** Grows with each order to read the inbox anew: a page that was read before it is not pushed on. */
  private generation = 0;
  /** True from such an order until the inbox was read: rows in memory may be from before the pause. */
  private isHeld = false;
  /** As of the last look at the inbox; true until the first. */
  private isPaused = true;
  /** Frames that wait for the rows before them. */
  private told: { position: number; text: string }[] = [];

  constructor(
    private readonly socket: WebSocket,
    private readonly agent: Pick<Agent, '_id' | 'inboxSalt'>,
    private readonly deps: PumpDeps,
  ) {}

  /** Something may be new: read unless a read is under way, which then looks once more. */
  wake(): void {
    this.isDirty = true;
    if (!this.isReading) void this.read();
  }

  /** A row that this process committed. From memory when it is the very next; a paused inbox gets nothing. */
  offer({ row, pausedByOwner }: Committed): void {
    if (this.isStopped || row.position <= this.cursor) return;
    const isNext =
      this.drainUpTo !== null &&
      !this.isReading &&
      !this.isHeld &&
      this.deps.mayPush() &&
      row.position === this.cursor + 1;
    if (!isNext || pausedByOwner === 'full') return this.wake();
    if (row.muted) this.cursor = row.position;
    else this.push(row);
  }

  /** Pushes nothing more before the inbox was read anew. */
  recheck(): void {
    this.generation += 1;
    this.isHeld = true;
    this.wake();
  }

  /** Sends a frame that nobody stores once every row up to `position` was dealt with; a full pause drops it. */
  tellAfter(position: number, text: string): void {
    this.told.push({ position, text });
    this.wake();
  }

  /** True when nothing at all may go to the socket: full pause, or not known yet. */
  isSilent(): boolean {
    return this.isPaused || this.isHeld || this.isStopped || !this.deps.mayPush();
  }

  stop(): void {
    this.isStopped = true;
  }

  private async read(): Promise<void> {
    this.isReading = true;
    try {
      while (this.isDirty && !this.isStopped) {
        this.isDirty = false;
        await this.readPages();
      }
    } catch (error) {
      // The periodic check tries again; the rows stay stored.
      this.deps.log.warn({ event: 'pump.failed', err: error });
    } finally {
      this.isReading = false;
    }
  }

  private async readPages(): Promise<void> {
    for (let sent = 0; !this.isStopped;) {
      const { generation } = this;
      const inbox = await findInboxIn(this.deps.database, this.agent._id);
      this.isPaused = inbox === null || inbox.pausedByOwner === 'full';
      if (this.isPaused) this.told = [];
      if (inbox === null || this.isPaused) return;
      if (generation === this.generation) this.isHeld = false;
      const head = inbox.nextPosition - 1;
      this.drainUpTo ??= head;
      if (this.cursor >= head) return this.tellDue();
      const isDrain = this.cursor < this.drainUpTo;
      const rows = await readStored(this.deps.database, this.deps.agents, this.agent, {
        after: this.cursor,
        upTo: isDrain ? this.drainUpTo : head,
        limit: DRAIN_BATCH,
        includeMuted: isDrain,
        flushing: inbox.flushing,
      });
      if (!(await this.pushPage(rows, generation))) return;
      sent += rows.length;
      const isEnd = rows.length < DRAIN_BATCH;
      if (isEnd) this.cursor = Math.max(this.cursor, isDrain ? this.drainUpTo : head);
      this.tellDue();
      if (isEnd && !isDrain) return;
      if (sent >= DRAIN_ROWS_MAX) this.cursor = Math.max(this.cursor, this.drainUpTo);
      if (!isEnd) await pause(DRAIN_PAUSE_MS);
    }
  }

  private tellDue(): void {
    if (this.told.length === 0 || this.isSilent()) return;
    const due = this.told.filter(({ position }) => position <= this.cursor);
    this.told = this.told.filter(({ position }) => position > this.cursor);
    for (const { text } of due) this.socket.send(text);
  }

  private async pushPage(rows: InboxRow[], generation: number): Promise<boolean> {
    for (const row of rows) {
      if (this.isStopped || !(await this.waitForRoom())) return false;
      if (this.isStopped || generation !== this.generation || !this.deps.mayPush()) return false;
      this.push(row);
    }
    return true;
  }

  /** A drain waits for a slow reader; one that makes no progress for 10 s is closed, its rows stay stored. */
  private async waitForRoom(): Promise<boolean> {
    let lastBytes = this.socket.bufferedAmount;
    let progressMs = Date.now();
    while (this.socket.bufferedAmount > DRAIN_HIGH_WATER_BYTES && !this.isStopped) {
      await pause(RECHECK_MS);
      if (this.socket.bufferedAmount < lastBytes) progressMs = Date.now();
      lastBytes = this.socket.bufferedAmount;
      if (Date.now() - progressMs > DRAIN_STALL_MS) {
        this.overload();
        return false;
      }
    }
    return true;
  }

  private push(row: InboxRow): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.socket.bufferedAmount > SOCKET_BUFFER_BYTES_MAX) return this.overload();
    this.cursor = row.position;
    this.socket.send(messageFrame(presentRow(row)), (error) => {
      if (!error && !this.isStopped) this.deps.onPushed(row);
    });
  }

  private overload(): void {
    this.isStopped = true;
    this.deps.onOverload();
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
