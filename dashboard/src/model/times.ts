const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Zone and language of the reader, unless a test says otherwise. */
export interface Place {
  locale?: string;
  timeZone?: string;
}

/** `14:05` */
export function timeLabel(iso: string, { locale, timeZone }: Place = {}): string {
  return new Intl.DateTimeFormat(locale, { timeStyle: 'short', timeZone }).format(new Date(iso));
}

/** `12 March 2026` */
export function dateLabel(iso: string, { locale, timeZone }: Place = {}): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone }).format(new Date(iso));
}

/** `12 Mar 2026` */
export function shortDateLabel(iso: string, { locale, timeZone }: Place = {}): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone }).format(new Date(iso));
}

/** `Thursday, 12 March 2026 at 14:05`, for who wants to know exactly. */
export function momentLabel(iso: string, { locale, timeZone }: Place = {}): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium', timeZone }).format(new Date(iso));
}

/** Names the day of `iso` in the reader's zone: equal for two times of one day. */
export function dayKey(iso: string, { timeZone }: Place = {}): string {
  const parts: Intl.DateTimeFormatOptions = { year: 'numeric', month: '2-digit', day: '2-digit', timeZone };
  return new Intl.DateTimeFormat('sv-SE', parts).format(new Date(iso));
}

/** `Today`, `Yesterday`, `Monday`, `12 March 2026`. */
export function dayLabel(iso: string, nowMs: number, place: Place = {}): string {
  const key = dayKey(iso, place);
  const back = (days: number): string => dayKey(new Date(nowMs - days * DAY_MS).toISOString(), place);
  if (key === back(0)) return 'Today';
  if (key === back(1)) return 'Yesterday';
  const inLastWeek = [2, 3, 4, 5, 6].some((days) => key === back(days));
  if (!inLastWeek) return dateLabel(iso, place);
  return new Intl.DateTimeFormat(place.locale, { weekday: 'long', timeZone: place.timeZone }).format(new Date(iso));
}

/** The time in a list: of today the hour, else the day. */
export function listTimeLabel(iso: string, nowMs: number, place: Place = {}): string {
  const day = dayLabel(iso, nowMs, place);
  if (day === 'Today') return timeLabel(iso, place);
  if (day !== dateLabel(iso, place)) return day;
  const short: Intl.DateTimeFormatOptions = { dateStyle: 'short', timeZone: place.timeZone };
  return new Intl.DateTimeFormat(place.locale, short).format(new Date(iso));
}

/** `now`, `in 5 minutes`, `in 2 days`: never later than it is. */
export function inLabel(iso: string, nowMs: number, { locale }: Place = {}): string {
  const ms = Date.parse(iso) - nowMs;
  if (ms <= 0) return 'now';
  if (ms < MINUTE_MS) return 'in less than a minute';
  const ahead = new Intl.RelativeTimeFormat(locale ?? 'en', { numeric: 'always' });
  if (ms < HOUR_MS) return ahead.format(Math.floor(ms / MINUTE_MS), 'minute');
  if (ms < DAY_MS) return ahead.format(Math.floor(ms / HOUR_MS), 'hour');
  return ahead.format(Math.floor(ms / DAY_MS), 'day');
}

/** As fields of date and time have it, in the reader's zone and to the minute: `2027-03-12T14:05`. */
export function localTime(iso: string): string {
  const at = new Date(iso);
  const two = (part: number): string => String(part).padStart(2, '0');
  const day = [String(at.getFullYear()).padStart(4, '0'), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** `just now`, `5 minutes ago`, `2 days ago` */
export function agoLabel(iso: string, nowMs: number, { locale }: Place = {}): string {
  const ms = Math.max(0, nowMs - Date.parse(iso));
  if (ms < MINUTE_MS) return 'just now';
  const ago = new Intl.RelativeTimeFormat(locale ?? 'en', { numeric: 'always' });
  if (ms < HOUR_MS) return ago.format(-Math.floor(ms / MINUTE_MS), 'minute');
  if (ms < DAY_MS) return ago.format(-Math.floor(ms / HOUR_MS), 'hour');
  if (ms < 30 * DAY_MS) return ago.format(-Math.floor(ms / DAY_MS), 'day');
  if (ms < 365 * DAY_MS) return ago.format(-Math.floor(ms / (30 * DAY_MS)), 'month');
  return ago.format(-Math.floor(ms / (365 * DAY_MS)), 'year');
}
