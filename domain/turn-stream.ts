import { TURN_ANSWER_BYTES_MAX } from '../contract/limits';
import { bytesIn } from './cuts';

/** What an agent says of a turn while it works (gateway.md §8.3), checked in its shape. */
export type TurnFrame =
  | { type: 'accept' }
  | { type: 'delta'; index: number; text: string }
  | { type: 'progress'; label: string }
  | { type: 'tool_call'; id: string; name: string; input: unknown }
  | { type: 'tool_result'; id: string; output: unknown; is_error: boolean; duration_ms: number | null };

/** How far the stream of a turn has come. */
export interface StreamState {
  /** The index that the next delta must have. */
  nextIndex: number;
  /** UTF-8 bytes of the text so far. */
  bytes: number;
}

export const EMPTY_STREAM: StreamState = { nextIndex: 0, bytes: 0 };

export interface StreamEvent {
  type: 'status' | 'text' | 'tool_call' | 'tool_result';
  data: Record<string, unknown>;
}

export interface TakenFrames {
  state: StreamState;
  /** What those who watch are shown; deltas that follow each other are one. */
  events: StreamEvent[];
  /** Frames that were not taken: from a gap on, or everything behind an answer that is too large. */
  rest: TurnFrame[];
  refusal: 'GAP' | 'RESPONSE_TOO_LARGE' | null;
}

/**
 * Takes frames into a stream: a delta that came before is ignored, one that comes too early stops the taking, and so does
 * the first that makes the answer too large.
 */
export function takeFrames(state: StreamState, frames: TurnFrame[]): TakenFrames {
  const events: StreamEvent[] = [];
  let { nextIndex, bytes } = state;
  const stop = (at: number, refusal: TakenFrames['refusal']): TakenFrames => ({
    state: { nextIndex, bytes },
    events,
    rest: frames.slice(at),
    refusal,
  });
  for (const [at, frame] of frames.entries()) {
    if (frame.type !== 'delta') {
      events.push(eventOf(frame));
      continue;
    }
    if (frame.index < nextIndex) continue;
    if (frame.index > nextIndex) return stop(at, 'GAP');
    const size = bytesIn(frame.text);
    if (bytes + size > TURN_ANSWER_BYTES_MAX) return stop(at, 'RESPONSE_TOO_LARGE');
    nextIndex += 1;
    bytes += size;
    addText(events, frame.text);
  }
  return stop(frames.length, null);
}

/** Frames as they came, but the deltas among them in the order of their indexes. */
export function inOrderOfIndex(frames: TurnFrame[]): TurnFrame[] {
  const deltas = frames.flatMap((frame) => (frame.type === 'delta' ? [frame] : []));
  deltas.sort((one, other) => one.index - other.index);
  let next = 0;
  return frames.map((frame) => (frame.type === 'delta' ? (deltas[next++] ?? frame) : frame));
}

function addText(events: StreamEvent[], text: string): void {
  const last = events.at(-1);
  if (last?.type === 'text') last.data = { text: `${String(last.data['text'])}${text}` };
  else if (text !== '') events.push({ type: 'text', data: { text } });
}

function eventOf(frame: Exclude<TurnFrame, { type: 'delta' }>): StreamEvent {
  switch (frame.type) {
    case 'accept':
      return { type: 'status', data: { status: 'running' } };
    case 'progress':
      return { type: 'status', data: { status: 'running', label: frame.label } };
    case 'tool_call':
    case 'tool_result': {
      const { type, ...data } = frame;
      return { type, data };
    }
  }
}
