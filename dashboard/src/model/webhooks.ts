import type { Badge } from './agents';
import { agoLabel, dateLabel, inLabel, localTime, timeLabel, type Place } from './times';
import type { RotatedSecret, Webhook, WebhookTest } from './wire';

/** Counts of the server stop here, for each state of a delivery. */
const COUNTED_MAX = 1_000;
/** The count of a recovery stops here. */
const MATCHED_MAX = 10_000;

/** What an endpoint is called: by its agent, else by its address. */
export const endpointName = ({ description, url }: Pick<Webhook, 'description' | 'url'>): string =>
  description?.trim() || url;

const BADGES: Readonly<Record<Webhook['health']['state'], Badge>> = {
  healthy: { light: 'green', text: 'Healthy' },
  failing: { light: 'amber', text: 'Failing' },
  circuit_open: { light: 'red', text: 'Resting' },
  disabled: { light: 'amber', text: 'Disabled' },
};

/** How an endpoint does, in one word. One that nothing is sent to for now is neither well nor ill. */
export function endpointBadge({ health, is_held: isHeld }: Pick<Webhook, 'health' | 'is_held'>): Badge {
  return isHeld && health.state !== 'disabled' ? { light: 'amber', text: 'Held' } : BADGES[health.state];
}

const DISABLED: Readonly<Record<NonNullable<Webhook['disabled_reason']>, string>> = {
  gone: 'It answered 410 Gone, so nothing is sent to it any more.',
  failing: 'Every attempt failed for days, so nothing is sent to it any more.',
  manual: 'Switched off: what waits is kept, what happens meanwhile is not sent.',
};

/** What there is to know of an endpoint beside its badge, one sentence each. */
export function endpointNotes(webhook: Webhook, nowMs: number, place: Place = {}): string[] {
  const { active, disabled_reason: reason, is_held: isHeld, previous_secret_expires_at: overlapEnd } = webhook;
  const overlap = overlapEnd === null || Date.parse(overlapEnd) <= nowMs ? null : overlapEnd;
  return [
    ...(active ? [] : [DISABLED[reason ?? 'manual']]),
    ...(active && isHeld ? ['Nothing is sent while the agent is fully paused or suspended.'] : []),
    ...(active ? troubleNotes(webhook, nowMs, place) : []),
    ...backlogNotes(webhook, nowMs, place),
    ...(overlap === null ? [] : [`The secret before this one still signs, until ${momentOf(overlap, place)}.`]),
  ];
}

function troubleNotes({ health, circuit_open_until: until }: Webhook, nowMs: number, place: Place): string[] {
  const { state, consecutive_failures: failures, last_failure_at: at } = health;
  if (state !== 'failing' && state !== 'circuit_open') return [];
  const last = at === null ? '' : `, the last ${agoLabel(at, nowMs, place)}`;
  const failed = `${counted(failures, 'failure')} in a row${last}.`;
  if (state === 'failing') return [failed];
  const isOver = until === null || Date.parse(until) <= nowMs;
  const rest = isOver
    ? 'One delivery probes it now.'
    : `It rests until ${timeLabel(until, place)}; then one probes it.`;
  return [failed, rest];
}

function backlogNotes(webhook: Webhook, nowMs: number, place: Place): string[] {
  const { pending, dead } = webhook.health;
  const { next_attempt_at: next, is_held: isHeld } = webhook;
  const when = next === null || isHeld ? '' : `; the next attempt ${inLabel(next, nowMs, place)}`;
  return [
    ...(pending === 0 ? [] : [`${counted(pending, 'delivery waits', 'deliveries wait')}${when}.`]),
    ...(dead === 0 ? [] : [`${counted(dead, 'delivery was', 'deliveries were')} given up and can be sent again.`]),
  ];
}

const momentOf = (iso: string, place: Place): string => `${dateLabel(iso, place)}, ${timeLabel(iso, place)}`;

function counted(count: number, one: string, many = `${one}s`): string {
  if (count >= COUNTED_MAX) return `1,000 or more ${many}`;
  return `${count} ${count === 1 ? one : many}`;
}

/** What came of a test. */
export function testText({ delivered, status, duration_ms: ms, error }: WebhookTest): string {
  if (delivered) return `Delivered: the endpoint answered ${status ?? '2xx'} after ${ms} ms.`;
  return `Failed after ${ms} ms: ${error ?? `HTTP ${status ?? 'without a status'}`}.`;
}

/** The event of a test that no endpoint has to know. */
export const PING = 'ping';

/** How long a secret that was replaced may go on signing (docs/contract/webhooks.md §11.3). */
export const OVERLAPS = [
  { seconds: 86_400, text: 'For a day' },
  { seconds: 3_600, text: 'For an hour' },
  { seconds: 604_800, text: 'For a week' },
  { seconds: 0, text: 'Not at all: it stops at once' },
] as const;

/** A rotation as it is chosen in its form. */
export interface RotationDraft {
  overlapS: string;
  /** Ends the overlap of an earlier rotation. */
  isForced: boolean;
}

export const ROTATION: RotationDraft = { overlapS: String(OVERLAPS[0].seconds), isForced: false };

/** While an overlap is open, two secrets sign: a third one ends the first, and somebody has to want that. */
export function rotationProblems(
  { isForced }: RotationDraft,
  { previous_secret_expires_at: end }: Pick<Webhook, 'previous_secret_expires_at'>,
  nowMs: number,
): Partial<Record<keyof RotationDraft, string>> {
  if (end === null || Date.parse(end) <= nowMs || isForced) return {};
  return { isForced: 'An earlier rotation is not over: say that it ends, or wait.' };
}

export const rotationOf = ({ overlapS, isForced }: RotationDraft): { overlap_seconds: number; force: boolean } => ({
  overlap_seconds: Number(overlapS),
  force: isForced,
});

/** What to do with a secret that was just made. */
export function rotatedText({ previous_secret_expires_at: end }: RotatedSecret, place: Place = {}): string {
  const rest = 'Copy it now and give it to whoever runs the endpoint: it is not shown again.';
  if (end === null) return `${rest} Requests with the old secret are over.`;
  return `${rest} Until ${momentOf(end, place)} the old one signs, too.`;
}

/** A recovery as it is typed into its form; times are those of the reader's zone. */
export interface RecoveryDraft {
  since: string;
  /** Empty: until now. */
  until: string;
  /** Empty: everything that the endpoint missed. */
  status: '' | 'dead' | 'failed';
}

const DAY_MS = 86_400_000;

/** The last day. */
export const recoveryDraft = (nowMs: number): RecoveryDraft => ({
  since: localTime(new Date(nowMs - DAY_MS).toISOString()),
  until: '',
  status: '',
});

export function recoveryProblems(
  { since, until }: RecoveryDraft,
  nowMs: number,
): Partial<Record<keyof RecoveryDraft, string>> {
  const sinceMs = Date.parse(since);
  return {
    ...(sinceMs <= nowMs ? {} : { since: 'Choose a time that has been.' }),
    ...(until === '' || Date.parse(until) > sinceMs ? {} : { until: 'Choose a later time than the first one.' }),
  };
}

/** What the server is told. Only of a form without problems. */
export function recoveryOf({ since, until, status }: RecoveryDraft): {
  since: string;
  until?: string;
  status?: string;
} {
  return {
    since: new Date(since).toISOString(),
    ...(until === '' ? {} : { until: new Date(until).toISOString() }),
    ...(status === '' ? {} : { status }),
  };
}

/** What a recovery is going to do. */
export function recoveredText(matched: number): string {
  if (matched === 0) return 'Nothing to send: the endpoint missed nothing of that time';
  const count =
    matched >= MATCHED_MAX ? '10,000 or more deliveries' : matched === 1 ? '1 delivery' : `${matched} deliveries`;
  return `${count} on the way, oldest first`;
}
