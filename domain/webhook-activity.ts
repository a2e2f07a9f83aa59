import type { WebhookEvent } from '../contract/events';

/**
 * Which events a webhook is told of that was not active all the time: those that were committed while it was, and no
 * other (webhooks.md §11.4, Decision 12); and of which others it leaves a record, for recoveries. What it lists and
 * filters is asked apart from this. Clocks of several processes disagree, so times are moments of the agent's inbox.
 */

/** A moment in the life of an agent's inbox; what commits with its guard is before or behind it. */
export interface InboxMoment {
  /** `webhookVersion` from then on; intents carry the one of their commit. */
  version: number;
  /** The delivery position that the next envelope had. */
  position: number;
}

/** A time in which a webhook was switched off and kept what waited; `to` is null while it lasts. */
export interface InactiveSpan {
  from: InboxMoment;
  to: InboxMoment | null;
}

/** What a webhook's document says of it. */
export interface WebhookActivity {
  active: boolean;
  /** The moment since which it is there, or was switched on again after it had lost what waited. */
  fromVersion: number;
  fromPosition?: number;
  /** `fromVersion` as it was created with; absent = it never began anew. */
  createdVersion?: number;
  /** Oldest first; absent = none. */
  inactiveSpans?: InactiveSpan[];
}

/** Intents are expanded within seconds: spans that lie further back concern nothing that is still to be expanded. */
const SPANS_MAX = 20;

/** True while a webhook is switched off in such a way that what waits at it goes on later. */
export function isKeepingWaiting({ active, inactiveSpans = [] }: WebhookActivity): boolean {
  return !active && inactiveSpans.at(-1)?.to === null;
}

/** Whether an event is for the webhook that was committed while the inbox was at `version`. */
export function isToldOf(webhook: WebhookActivity, version: number): boolean {
  const { active, fromVersion, inactiveSpans = [] } = webhook;
  if (version < fromVersion || (!active && !isKeepingWaiting(webhook))) return false;
  return !inactiveSpans.some(({ from, to }) => from.version <= version && (to === null || version < to.version));
}

/** What a webhook misses without a record: messages stay in the inbox, and an old presence is worth nothing. */
const NOT_RECORDED: WebhookEvent[] = ['message.new', 'presence.update'];

/**
 * Whether a record is kept of an event that a webhook was there for, but not active: when it was committed, or now that it
 * has lost what waits. A recovery can send it.
 */
export function isMissedBy(
  webhook: WebhookActivity,
  { event, version }: { event: WebhookEvent; version: number },
): boolean {
  const isThere = version >= (webhook.createdVersion ?? webhook.fromVersion);
  return isThere && !isToldOf(webhook, version) && !NOT_RECORDED.includes(event);
}

/**
 * Whether a release tells it of the message at `position`: when it was in force as the silence ended at `version`, or
 * came, or came back, before the message did. Never of what came while it was switched off.
 */
export function isToldByRelease(webhook: WebhookActivity, { version, position }: InboxMoment): boolean {
  const { active, fromVersion, fromPosition = Number.POSITIVE_INFINITY, inactiveSpans = [] } = webhook;
  if (!active && !isKeepingWaiting(webhook)) return false;
  const isOff = ({ from, to }: InactiveSpan): boolean =>
    from.position <= position && (to === null || position < to.position);
  if (inactiveSpans.some(isOff)) return false;
  const starts = [{ version: fromVersion, position: fromPosition }, ...inactiveSpans.flatMap(({ to }) => to ?? [])];
  return isToldOf(webhook, version) || starts.some((start) => start.version > version && start.position <= position);
}

/** The webhook's spans once it is switched off at `moment`. */
export function switchedOff({ inactiveSpans = [] }: WebhookActivity, moment: InboxMoment): InactiveSpan[] {
  return [...inactiveSpans, { from: moment, to: null }].slice(-SPANS_MAX);
}

/** What changes when it is switched on at `moment`: one that had lost what waited begins anew. */
export function switchedOn(
  webhook: WebhookActivity,
  moment: InboxMoment,
): Pick<WebhookActivity, 'fromVersion' | 'fromPosition' | 'createdVersion'> & { inactiveSpans: InactiveSpan[] } {
  const { fromVersion, fromPosition, createdVersion = fromVersion, inactiveSpans = [] } = webhook;
  if (!isKeepingWaiting(webhook)) {
    return { fromVersion: moment.version, fromPosition: moment.position, createdVersion, inactiveSpans: [] };
  }
  const ended = inactiveSpans.map((span) => ({ ...span, to: span.to ?? moment }));
  return { fromVersion, ...(fromPosition === undefined ? {} : { fromPosition }), inactiveSpans: ended };
}
