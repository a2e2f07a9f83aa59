import type { Badge } from './agents';
import { agoLabel, dateLabel, localTime, timeLabel, type Place } from './times';
import type { ShareLink, UsedShareLink } from './wire';

/** docs/contract/gateway.md §6.1. */
export const LINK_NAME_LENGTH_MAX = 100;
export const LINK_WELCOME_LENGTH_MAX = 500;
export const LINK_MESSAGES_MAX = 1_000_000_000;

/** A share link as it is typed into its form. */
export interface LinkDraft {
  name: string;
  welcome: string;
  /** In the reader's zone, as fields of date and time have it: `2027-03-12T14:05`; empty: it does not end. */
  endsAt: string;
  /** How many messages it takes; empty: any number. */
  messages: string;
  asksForMail: boolean;
}

/** What the server is told of a link; what is not there stays, null takes it away. */
export type LinkChange = Partial<
  Pick<ShareLink, 'name' | 'welcome' | 'expires_at' | 'max_messages'> & { require_email: boolean }
>;

/** A link's terms in its form; without a link those of a new one. */
export function linkDraft(link: ShareLink | null): LinkDraft {
  return {
    name: link?.name ?? '',
    welcome: link?.welcome ?? '',
    endsAt: link?.expires_at == null ? '' : localTime(link.expires_at),
    messages: link?.max_messages == null ? '' : String(link.max_messages),
    asksForMail: link?.require_email ?? false,
  };
}

/** What cannot be sent of what was typed. What was left as it is, is not looked at: a link that has ended can be renamed. */
export function linkProblems(
  draft: LinkDraft,
  before: LinkDraft,
  nowMs: number,
): Partial<Record<keyof LinkDraft, string>> {
  const { endsAt, messages } = draft;
  const isPast = endsAt !== '' && endsAt !== before.endsAt && !(Date.parse(endsAt) > nowMs);
  return {
    ...(isPast ? { endsAt: 'Choose a time that is still to come.' } : {}),
    ...(messages.trim() === '' || countOf(messages) !== null ? {} : { messages: MESSAGES_TEXT }),
  };
}

const MESSAGES_TEXT = 'Write a whole number, 1 or more, or leave it empty.';

function countOf(text: string): number | null {
  const count = /^\d{1,10}$/.test(text.trim()) ? Number(text) : 0;
  return count >= 1 && count <= LINK_MESSAGES_MAX ? count : null;
}

/** What of a link was changed in its form. */
export function linkChange(draft: LinkDraft, before: LinkDraft): LinkChange {
  const isChanged = (field: keyof LinkDraft): boolean => draft[field] !== before[field];
  return {
    ...(isChanged('name') ? { name: draft.name.trim() || null } : {}),
    ...(isChanged('welcome') ? { welcome: draft.welcome.trim() || null } : {}),
    ...(isChanged('endsAt') ? { expires_at: draft.endsAt === '' ? null : new Date(draft.endsAt).toISOString() } : {}),
    ...(isChanged('messages') ? { max_messages: countOf(draft.messages) } : {}),
    ...(isChanged('asksForMail') ? { require_email: draft.asksForMail } : {}),
  };
}

/** What a link is called; one without a name by the beginning of its token. */
export const linkName = ({ name, token_prefix: prefix }: Pick<ShareLink, 'name' | 'token_prefix'>): string =>
  name?.trim() || `Link ${prefix}…`;

/** Whether a link works. */
export function linkBadge(
  { enabled, expires_at: end }: Pick<ShareLink, 'enabled' | 'expires_at'>,
  nowMs: number,
): Badge {
  if (!enabled) return { light: 'amber', text: 'Disabled' };
  if (end !== null && Date.parse(end) <= nowMs) return { light: 'amber', text: 'Expired' };
  return { light: 'green', text: 'Enabled' };
}

/** The line below a link's name: since when it is there, and its terms. */
export function linkTerms(link: ShareLink, place: Place = {}): string {
  const { created_at: createdAt, require_email: asks, max_messages: max, expires_at: end } = link;
  return [
    `created ${dateLabel(createdAt, place)}`,
    ...(asks ? ['asks for a mail address'] : []),
    ...(max === null ? [] : [`${counted(max, 'message')} at most`]),
    ...(end === null ? [] : [`until ${dateLabel(end, place)}, ${timeLabel(end, place)}`]),
  ].join(' · ');
}

/** How a link was used. */
export function linkUsage({ usage }: Pick<UsedShareLink, 'usage'>, nowMs: number): string {
  const { sessions, messages, unique_ips: addresses, last_used_at: usedAt } = usage;
  if (usedAt === null) return 'Not used yet.';
  const from = `${counted(messages, 'message')} in ${counted(sessions, 'chat')} from ${counted(addresses, 'address', 'addresses')}`;
  return `${from}, the last ${agoLabel(usedAt, nowMs)}.`;
}

const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
