import {
  ERROR_FRAME_INTERVAL_MS,
  HELLO_FRAMES_PER_MINUTE,
  PRESENCE_FRAMES_PER_MINUTE,
  READ_ACK_FRAMES_PER_SECOND,
  TURN_FRAMES_BURST,
  TURN_FRAMES_PER_SECOND,
  TYPING_INTERVAL_MS,
} from '../../../contract/limits';
import { Budget } from './budget';

/** Conversations in which an agent can be typing at once; each is remembered for two seconds. */
const TYPING_MAX = 256;
/** Answers to wrong frames: as many as somebody reads who looks for the fault, none to a flood. */
const ERRORS_PER_MINUTE = 300;

/** What one agent may send over its sockets of this node together (realtime.md §4). Acks are never limited. */
export class InboundLimits {
  readonly presence = new Budget(PRESENCE_FRAMES_PER_MINUTE, 60_000);
  readonly hellos = new Budget(HELLO_FRAMES_PER_MINUTE, 60_000);
  readonly readAcks = new Budget(READ_ACK_FRAMES_PER_SECOND, 1_000);
  /** Of the chat gateway: a burst of so many, refilled at the rate of the contract. */
  readonly turnDeltas = new Budget(TURN_FRAMES_BURST, (TURN_FRAMES_BURST / TURN_FRAMES_PER_SECOND) * 1_000);
  private readonly errors = new Budget(ERRORS_PER_MINUTE, 60_000);
  private readonly rateErrors = new Budget(1, ERROR_FRAME_INTERVAL_MS);
  /** When each conversation and type was relayed last, oldest first. */
  private readonly typing = new Map<string, number>();

  /** True when a typing frame of this type may go to this conversation now. */
  takeTyping(key: string, nowMs: number): boolean {
    for (const [other, atMs] of this.typing) {
      if (nowMs - atMs < TYPING_INTERVAL_MS) break;
      this.typing.delete(other);
    }
    if (this.typing.has(key) || this.typing.size >= TYPING_MAX) return false;
    this.typing.set(key, nowMs);
    return true;
  }

  /** True when the agent may be told that a frame was wrong. */
  takeError(code: string, nowMs: number): boolean {
    return code === 'RATE_LIMITED' ? this.rateErrors.take(nowMs) : this.errors.take(nowMs);
  }
}
