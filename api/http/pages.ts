import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Counter, Gauge } from 'prom-client';
import { AppError } from '../../contract/errors';
import { createInTurn, createInTurnOf } from '../../store/schema/turns';
import type { ApiContext } from './state';

/**
 * Pages that are read from the database at once. A page of the largest messages is 16 MB, and about three times that
 * while it is made; how large it is shows only when it was read.
 */
const READS_MAX = 8;
/** A call whose page cannot be read so soon is refused: the database is slow, or the process has too much to do. */
const WAITING_MS_MAX = 5_000;
/** Of one caller: four of the largest pages. Beyond it the next page is not read. */
const CALLER_BYTES_MAX = 67_108_864;
/** Of all callers of the process: a node has a gigabyte or two, and a page that is being read needs some of it. */
const PROCESS_BYTES_MAX = 268_435_456;
/** What a client has to take within `STALLED_MS`, or the rest of its page: under 10 kB/s, less than any network has. */
const PIECE_BYTES = 262_144;
const STALLED_MS = 30_000;
/** Where others are refused for want of room, a client that takes nothing has less time. */
const STALLED_UNDER_PRESSURE_MS = 3_000;
const RETRY_MS = 5_000;

/** The JSON of messages, which may be megabytes, while its client takes it. */
export interface Page {
  readonly bytes: Buffer;
  /** Writes it as the body of a response, and forgets it when the client has it or is gone. */
  writeTo(ctx: ApiContext): void;
}

/** Reads the page of a caller (an agent or owner) as JSON. @throws AppError SERVICE_UNAVAILABLE when there is no room */
export type ReadPage = (callerId: string, read: () => Promise<string>) => Promise<Page>;

/**
 * Bounds the memory of pages of messages: those that are being read, and those that clients have not taken yet. Clients
 * take a page shorter than its limit for the last one, so none is cut short: what there is no room for is refused before
 * it is read. Each bound is passed by what is being read already: one page of the caller, `READS_MAX` of the process.
 *
 * A client that does not read, or hardly, is cut off. When the process is full, those that have stalled for a moment make
 * room for callers who read.
 */
export function createPages(metrics: { pageBytes: Gauge; pagesCut: Counter }): ReadPage {
  const inTurn = createInTurn(READS_MAX, WAITING_MS_MAX);
  const inTurnOf = createInTurnOf();
  const held = new Set<HeldPage>();
  const byCaller = new Map<string, number>();
  let total = 0;

  const count = (callerId: string, bytes: number): void => {
    total += bytes;
    const own = (byCaller.get(callerId) ?? 0) + bytes;
    if (own === 0) byCaller.delete(callerId);
    else byCaller.set(callerId, own);
    metrics.pageBytes.set(total);
  };
  const isFull = () => total >= PROCESS_BYTES_MAX;
  const requireRoom = (callerId: string): void => {
    if ((byCaller.get(callerId) ?? 0) >= CALLER_BYTES_MAX) throw noRoom();
    const nowMs = performance.now();
    for (const page of held) {
      if (!isFull()) break;
      if (page.hasStalled(nowMs)) page.cut();
    }
    if (isFull()) throw noRoom();
  };
  const hold = (callerId: string, json: string): Page => {
    const bytes = Buffer.from(json);
    count(callerId, bytes.length);
    const onEnd = () => {
      held.delete(page);
      count(callerId, -bytes.length);
    };
    const page = new HeldPage(bytes, onEnd, () => metrics.pagesCut.inc());
    held.add(page);
    return page;
  };

  return async (callerId, read) => {
    requireRoom(callerId);
    // Of one caller one after another: or as many as there are would be let in while nothing is held yet.
    return inTurnOf(callerId, async () => {
      requireRoom(callerId);
      return inTurn(async () => {
        requireRoom(callerId);
        return hold(callerId, await read());
      });
    });
  };
}

const noRoom = (): AppError =>
  new AppError('SERVICE_UNAVAILABLE', undefined, RETRY_MS, 'Too many answers wait to be read by their clients');

/** A page from its reading to the end of its response. */
class HeldPage implements Page {
  private takenAtMs = performance.now();
  /** Also ends one that never became a response. */
  private readonly stalled = setTimeout(() => this.cut(), STALLED_MS).unref();
  private socket: Socket | null = null;
  private isHeld = true;

  constructor(
    readonly bytes: Buffer,
    private readonly onEnd: () => void,
    private readonly onCut: () => void,
  ) {}

  writeTo(ctx: ApiContext): void {
    // A call that was given up has its answer: its page goes, and its connection, which serves others by now, stays.
    if (ctx.headerSent) return this.end();
    this.socket = ctx.req.socket;
    endsOf(this.socket).add(this.end);
    ctx.res.once('close', this.end);
    ctx.type = 'application/json; charset=utf-8';
    ctx.body = this.bytes.length > PIECE_BYTES ? this.inPieces() : this.bytes;
    ctx.length = this.bytes.length;
    if (this.socket.destroyed) this.end();
  }

  hasStalled(nowMs: number): boolean {
    return nowMs - this.takenAtMs >= STALLED_UNDER_PRESSURE_MS;
  }

  cut(): void {
    if (this.isHeld) this.onCut();
    this.end();
    // Not only ended: what the system still has of the page would wait for the client.
    this.socket?.resetAndDestroy();
  }

  private readonly end = (): void => {
    if (!this.isHeld) return;
    this.isHeld = false;
    clearTimeout(this.stalled);
    if (this.socket !== null) endsOf(this.socket).delete(this.end);
    this.onEnd();
  };

  /** Each piece is asked for when the client has taken one before it: so its pace shows. */
  private inPieces(): Readable {
    const { bytes } = this;
    const taken = () => {
      this.takenAtMs = performance.now();
      this.stalled.refresh();
    };
    let start = 0;
    return new Readable({
      highWaterMark: 1,
      read() {
        taken();
        this.push(start < bytes.length ? bytes.subarray(start, start + PIECE_BYTES) : null);
        start += PIECE_BYTES;
      },
    });
  }
}

const ENDS = new WeakMap<Socket, Set<() => void>>();

/**
 * What is to be done when the connection ends. A response that waits behind another one of its connection hears nothing
 * of that by itself; and with a listener for each of them Node would warn of a leak.
 */
function endsOf(socket: Socket): Set<() => void> {
  const known = ENDS.get(socket);
  if (known !== undefined) return known;
  const ends = new Set<() => void>();
  ENDS.set(socket, ends);
  socket.once('close', () => ends.forEach((end) => end()));
  return ends;
}
