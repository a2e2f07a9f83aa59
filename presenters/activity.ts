import type { ActivityView } from '../contract/gateway-views';
import { summaryOf, type TimelineEntry, type ToolTimeline } from '../domain/tool-timeline';
import type { TurnStatus } from '../domain/turns';
import type { Presence } from '../domain/presence';
import type { TurnCount } from '../store/gateway/activity';

/** Failures that callers were told as TURN_TIMEOUT (gateway.md §10.3). */
const TIMEOUTS: readonly (string | null)[] = ['timeout', 'agent_offline', 'agent_silent'];

export interface Activity {
  isRunning: boolean;
  timeline: ToolTimeline;
  counts: TurnCount[];
  sessions: { active: number; total: number };
  presence: Presence['status'];
  lastMessageAt: Date | null;
  windowHours: number;
}

/** What an agent is doing and did (gateway.md §4.4). */
export function presentActivity(activity: Activity): ActivityView {
  const { timeline, counts, presence } = activity;
  const countOf = (status: TurnStatus): number => sumOf(counts.filter((row) => row.status === status));
  return {
    status: activity.isRunning ? 'running' : 'idle',
    active_tool: timeline.active === null ? null : activeToolOf(timeline.active),
    tool_counts: Object.fromEntries(timeline.counts),
    timeline: timeline.entries.map(entryOf),
    totals: {
      calls: timeline.calls,
      duration_ms: timeline.durationMs,
      started_at: timeline.startedAt?.toISOString() ?? null,
    },
    online: presence !== 'offline',
    presence,
    turns: {
      queued: countOf('queued'),
      running: countOf('running'),
      completed: countOf('completed'),
      failed: countOf('failed'),
      cancelled: countOf('cancelled'),
      timeouts: sumOf(counts.filter(({ failure }) => TIMEOUTS.includes(failure))),
    },
    sessions: activity.sessions,
    last_message_at: activity.lastMessageAt?.toISOString() ?? null,
    window_hours: activity.windowHours,
  };
}

const sumOf = (counts: TurnCount[]): number => counts.reduce((sum, { count }) => sum + count, 0);

const summaryOrNone = (json: string | null): string => (json === null ? '' : summaryOf(json));

const activeToolOf = ({ call: { name, input, startedAt } }: TimelineEntry) => ({
  name,
  input_summary: summaryOrNone(input),
  started_at: startedAt.toISOString(),
});

function entryOf({ executionId, call, isRunning, endedAt }: TimelineEntry): ActivityView['timeline'][number] {
  const hasResult = call.endedAt !== null;
  return {
    id: call.id,
    tool: call.name,
    input: call.input === null ? null : JSON.parse(call.input),
    input_summary: summaryOrNone(call.input),
    output_summary: call.output === null ? null : summaryOf(call.output),
    duration_ms: call.durationMs,
    started_at: call.startedAt.toISOString(),
    ended_at: endedAt?.toISOString() ?? null,
    success: hasResult ? !call.isError : null,
    status: isRunning ? 'running' : 'completed',
    execution_id: executionId,
  };
}
