import { beginningOf } from './cuts';
import type { ToolCall } from './turn-report';

/** What an agent did with its tools, over several turns (gateway.md §4.4). */

/** The calls of one turn, as its agent told of them while it worked. */
export interface TurnTools {
  executionId: string;
  /** When the turn ended; null: it has not. */
  endedAt: Date | null;
  calls: ToolCall[];
}

export interface TimelineEntry {
  executionId: string;
  call: ToolCall & { startedAt: Date };
  isRunning: boolean;
  /** A call whose turn ended without its result ended with the turn. */
  endedAt: Date | null;
}

export interface ToolTimeline {
  /** Newest first. */
  entries: TimelineEntry[];
  /** The one that began last of those that are under way. */
  active: TimelineEntry | null;
  /** How many calls there were of each tool. */
  counts: Map<string, number>;
  calls: number;
  /** Of the calls that are known to have ended, together. */
  durationMs: number;
  /** When the first of them began. */
  startedAt: Date | null;
}

/** The timeline of turns from a time on. Calls that only an answer told of have no time, and no place in it. */
export function timelineOf(turns: TurnTools[], since: Date, entriesMax: number): ToolTimeline {
  const entries = turns
    .flatMap(({ executionId, endedAt, calls }) =>
      calls.flatMap((call): TimelineEntry[] => {
        const { startedAt } = call;
        if (startedAt === null || startedAt < since) return [];
        const end = call.endedAt ?? endedAt;
        return [{ executionId, call: { ...call, startedAt }, isRunning: end === null, endedAt: end }];
      }),
    )
    .sort(newestFirst);
  const counts = new Map<string, number>();
  for (const { call } of entries) counts.set(call.name, (counts.get(call.name) ?? 0) + 1);
  return {
    entries: entries.slice(0, entriesMax),
    active: entries.find(({ isRunning }) => isRunning) ?? null,
    counts,
    calls: entries.length,
    durationMs: entries.reduce((sum, { call }) => sum + (call.durationMs ?? 0), 0),
    startedAt: entries.at(-1)?.call.startedAt ?? null,
  };
}

/** Calls of one moment stay in the order in which their agents told of them, the later one first. */
function newestFirst(one: TimelineEntry, other: TimelineEntry): number {
  const ms = other.call.startedAt.getTime() - one.call.startedAt.getTime();
  return ms !== 0 ? ms : other.executionId.localeCompare(one.executionId);
}

const SUMMARY_LENGTH_MAX = 200;

/** A value in a few words: the beginning of a text, else of its JSON. @param json as it was kept */
export function summaryOf(json: string): string {
  const value: unknown = JSON.parse(json);
  const text = typeof value === 'string' ? value : json;
  return text.length <= SUMMARY_LENGTH_MAX ? text : `${beginningOf(text, SUMMARY_LENGTH_MAX - 1)}…`;
}
