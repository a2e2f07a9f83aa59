import { setTimeout as sleep } from 'node:timers/promises';
import { DRAIN_BATCH, DRAIN_HIGH_WATER_BYTES, DRAIN_PAUSE_MS, DRAIN_ROWS_MAX } from '../../../contract/limits';
import type { Logger } from '../../../platform/logger';
import type { AgentReader } from '../../../store/agents/agents';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Committed } from '../../../store/sending/send-types';
import type { Database } from '../../../store/schema/database';
import type { InTurn } from '../../../store/schema/turns';
import { findInboxIn, type InboxLook, type InboxRow } from '../../../store/inbox/inbox';
import { presentRow } from '../../../presenters/message';
import { messageFrame } from '../wire/frames';
import { openedAt, planPage, readPage, type Opened } from './pages';
import { waitForRoom } from './room';
import type { AgentSocket } from '../wire/socket';

export interface PumpDeps {
  database: Database;
  agents: AgentReader;
  log: Logger;
  /** Reads of all pumps take turns: a thousand sockets that come at once must not fill the pool. */
  inTurn: InTurn;
  /** False: this node may have been given up, and what it pushes might come after an order that it did not hear. */
  mayPush: () => boolean;
}

/** Whose socket it is. */
export interface PumpOwner {
  /** Called when a frame was handed to the socket, after its bytes left without error. */
  onPushed(row: InboxRow): void;
  /** Called when the reader is too slow: the socket has to end. */
  onOverload(): void;
}

interface WaitingFrame {
  position: number;
  text: string;
}

/** Most pumps never have a frame that waits: they share it. */
const NOTHING: readonly WaitingFrame[] = [];

/** Frames that wait until the inbox was loaded, which takes seconds at most. */
const WAITING_MAX = 64;

/** A reader that cannot take a whole page gets smaller ones, so that what it does not take is not read again and again. */
const PAGE_ROWS_MIN = 8;

/**
 * Sends one agent's envelopes to one socket in delivery order: first what is stored, then what comes. Its cursor is
 * the last position that was dealt with; a woken row that is exactly the next one is sent from memory, anything else
 * is read from the store. So order, drain, back pressure, pause and many nodes are one mechanism, and nothing is sent
 * twice on one connection.
 */
export class Pump {
  /** The position that the registry knows of. */
  notedPosition = 0;
  private cursor = 0;
  /** The inbox as it was loaded first, in a pause too: up to its head the socket gets muted rows (realtime.md §5.4). */
  private opened: Opened | null = null;
  private isReading = false;
  private isDirty = true;
  private isStopped = false;
  /** Grows with each order to read the inbox anew: a page that was read before it is not pushed on. */
  private generation = 0;
  /** True from such an order until the inbox was read: rows in memory may be from before the pause. */
  private isHeld = false;
  private pageRows = DRAIN_BATCH;
  /** As the inbox was loaded last; null until then. */
  private isPaused: boolean | null = null;
  /** Frames that wait for the rows before them. */
  private waiting = NOTHING;

  constructor(
    private readonly socket: AgentSocket,
    private readonly agent: Pick<Agent, '_id' | 'inboxSalt'>,
    private readonly deps: PumpDeps,
    private readonly owner: PumpOwner,
  ) {}

  /** Something may be new: read, unless a read is under way, which then starts over. */
  wake(): void {
    this.isDirty = true;
    if (!this.isReading) void this.read();
  }

  /** A row that this process committed. From memory when it is the very next; a paused inbox gets nothing. */
  offer({ row, pausedByOwner }: Committed): void {
    if (this.isStopped || row.position <= this.cursor) return;
    const isNext =
      this.opened !== null &&
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
    this.hold();
    this.wake();
  }

  /**
   * Sends a frame that nobody stores: at once, or once the inbox was loaded where it is not known yet whether anything may
   * go; to a socket that just said hello, too. A full pause drops it, and so does a reader that is behind.
   */
  sendLive(text: string): void {
    const isDropped = this.isStopped || (this.isPaused === true && !this.isHeld);
    if (isDropped || this.socket.bufferedAmount > DRAIN_HIGH_WATER_BYTES) return;
    if (this.waiting.length === 0 && !this.isSilent()) this.socket.send(text);
    else if (this.waiting.length < WAITING_MAX) this.sendLiveAfter(0, text);
  }

  /** Sends a frame that nobody stores once every row up to `position` was dealt with; a full pause drops it. */
  sendLiveAfter(position: number, text: string): void {
    this.waiting = [...this.waiting, { position, text }];
    this.wake();
  }

  /** Pushes nothing more before the inbox is loaded again; returns the generation that this load has to name. */
  hold(): number {
    this.isHeld = true;
    return (this.generation += 1);
  }

  /** The last position that was dealt with. */
  get position(): number {
    return this.cursor;
  }

  get loadGeneration(): number {
    return this.generation;
  }

  /** The inbox as it was loaded for many sockets at once, not before `generation`: reads only if there is cause. */
  observe(inbox: InboxLook | null, generation: number): void {
    if (this.isReading || this.opened === null || generation !== this.generation) return this.wake();
    this.isPaused = inbox === null || inbox.pausedByOwner === 'full';
    this.isHeld = false;
    if (this.isPaused) this.waiting = NOTHING;
    const isBehind = inbox !== null && this.cursor < inbox.nextPosition - 1;
    if (!this.isPaused && (isBehind || this.waiting.length > 0)) this.wake();
  }

  /** True when nothing at all may go to the socket: full pause, or not known yet. */
  private isSilent(): boolean {
    return this.isPaused !== false || this.isHeld || this.isStopped || !this.deps.mayPush();
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

  /** Rows are held only while they are pushed: a reader that is behind is waited for without them. */
  private async readPages(): Promise<void> {
    for (let sent = 0; !this.isStopped;) {
      const { generation, pageRows } = this;
      // The check that follows when the node may push again wakes it.
      if (!this.deps.mayPush()) return;
      const inbox = await this.deps.inTurn(() => findInboxIn(this.deps.database, this.agent._id));
      this.isPaused = inbox === null || inbox.pausedByOwner === 'full';
      if (this.isPaused) this.waiting = NOTHING;
      if (inbox === null) return;
      this.opened ??= openedAt(inbox);
      if (this.isPaused) return;
      if (generation === this.generation) this.isHeld = false;
      const page = planPage(inbox, { cursor: this.cursor, opened: this.opened, limit: pageRows });
      if (page === null) return this.sendDue();
      // The rows stay stored.
      if (!(await waitForRoom(this.socket, () => this.isStopped))) return this.overload();
      if (this.isStopped) return;
      if (generation !== this.generation) continue;
      const rows = await this.deps.inTurn(() => readPage(this.deps, this.agent, page));
      const pushed = this.pushPage(rows, generation);
      if (pushed === null) return;
      sent += pushed;
      if (pushed < rows.length) {
        this.pageRows = Math.max(PAGE_ROWS_MIN, pushed);
        continue;
      }
      this.pageRows = Math.min(DRAIN_BATCH, 2 * pageRows);
      const isEnd = rows.length < pageRows;
      if (isEnd) this.cursor = Math.max(this.cursor, page.upTo);
      this.sendDue();
      if (isEnd && page.kind === 'live') return;
      // Only a drain has a ceiling; what a pause left is owed to the last row.
      if (sent >= DRAIN_ROWS_MAX && page.kind === 'drain') this.cursor = Math.max(this.cursor, page.upTo);
      if (!isEnd) await sleep((DRAIN_PAUSE_MS * pageRows) / DRAIN_BATCH);
    }
  }

  private sendDue(): void {
    if (this.waiting.length === 0 || this.isSilent()) return;
    const due = this.waiting.filter(({ position }) => position <= this.cursor);
    this.waiting = this.waiting.filter(({ position }) => position > this.cursor);
    for (const { text } of due) this.socket.send(text);
  }

  /** How many rows went out before the reader was behind; null when none may go any more. */
  private pushPage(rows: InboxRow[], generation: number): number | null {
    for (const [index, row] of rows.entries()) {
      if (this.isStopped || generation !== this.generation || !this.deps.mayPush()) return null;
      if (this.socket.bufferedAmount > DRAIN_HIGH_WATER_BYTES) return index;
      this.push(row);
    }
    return rows.length;
  }

  private push(row: InboxRow): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.socket.isOverloaded) return this.overload();
    this.cursor = row.position;
    this.socket.send(messageFrame(presentRow(row)), (error) => {
      if (!error && !this.isStopped) this.owner.onPushed(row);
    });
  }

  private overload(): void {
    this.isStopped = true;
    this.owner.onOverload();
  }
}
