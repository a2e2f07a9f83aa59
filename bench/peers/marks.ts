/** As long as a message of usual length. */
const TEXT_LENGTH = 200;
const MARK = /^#(\d+)#/;

let marks = 0;

interface Sent {
  atMs: number;
  /** How many listeners have yet to get it. */
  missing: number;
  isMeasured: boolean;
}

/** Texts under way: each carries a number, so that an arrival finds its start. */
export class Marks {
  /** From the start of a send until its last listener had it, in milliseconds, of sends that were to be measured. */
  readonly lagsMs: number[] = [];
  private readonly sent = new Map<number, Sent>();

  /** @param listeners to how many a text is to come before it counts as there */
  constructor(private readonly listeners: number) {}

  /** The next text; its time begins now. */
  start(isMeasured: boolean): string {
    const mark = (marks += 1);
    this.sent.set(mark, { atMs: performance.now(), missing: this.listeners, isMeasured });
    return `#${mark}#`.padEnd(TEXT_LENGTH, 'x');
  }

  /** One more listener has the text. Texts of others than this object are ignored. */
  readonly arrive = (text: string): void => {
    const mark = Number(MARK.exec(text)?.[1] ?? Number.NaN);
    const sent = this.sent.get(mark);
    if (sent === undefined) return;
    sent.missing -= 1;
    if (sent.missing > 0) return;
    this.sent.delete(mark);
    if (sent.isMeasured) this.lagsMs.push(performance.now() - sent.atMs);
  };

  /** The text was refused: nobody will get it. */
  forget(text: string): void {
    this.sent.delete(Number(MARK.exec(text)?.[1] ?? Number.NaN));
  }

  /** Waits until everything has arrived, at most that long. How many texts have not. */
  async outstanding(msMax: number): Promise<number> {
    const deadline = performance.now() + msMax;
    while (this.sent.size > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
    return this.sent.size;
  }
}
