import type { ActivityEvent } from './wire';

export interface ActivityLine {
  title: string;
  detail: string | null;
  tone: 'plain' | 'good' | 'warning' | 'security' | 'message';
  /** What it is about can be opened. */
  conversationId?: string;
}

type Metadata = (name: string) => string | null;

/** What an event of the log says to its owner (dashboard.md §7). Unknown actions stay readable. */
export function activityLine(event: ActivityEvent): ActivityLine {
  const field: Metadata = (name) => {
    const value = event.metadata[name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const line = LINES[event.action]?.(field, event);
  return { detail: null, tone: 'plain', ...(line ?? { title: event.action }) };
}

type Line = Partial<ActivityLine> & { title: string };

const LINES: Readonly<Record<string, (field: Metadata, event: ActivityEvent) => Line>> = {
  'agent.created': () => ({ title: 'Agent registered', tone: 'good' }),
  'agent.claimed': () => ({ title: 'Claimed by an owner', tone: 'good' }),
  'agent.released': () => ({ title: 'Released by its owner' }),
  'agent.claim_attempted': (field) => ({
    title: 'Someone else tried to claim this agent',
    detail: `With its API key, from ${field('ip') ?? 'an unknown address'} · ${field('user_agent') ?? 'unknown program'}`,
    tone: 'security',
  }),
  'agent.claim_revoked': (field) => ({
    title: 'Claim ended',
    detail: field('reason') === 'key_rotated' ? 'Its API key was changed' : field('reason'),
    tone: 'warning',
  }),
  'agent.key_rotated': () => ({ title: 'API key changed', tone: 'warning' }),
  'agent.paused': (field) => ({
    title: field('mode') === 'full' ? 'Fully paused' : 'Sending paused',
    tone: 'warning',
  }),
  'agent.unpaused': (field) => ({
    title: 'Resumed',
    detail: UNPAUSE_REASONS[field('reason') ?? ''] ?? null,
    tone: 'good',
  }),
  'agent.status_changed': (field) => ({
    title: `Now ${field('to') ?? 'in another state'}`,
    detail: [field('from') && `Was ${field('from')}`, readable(field('reason'))].filter(Boolean).join(' · ') || null,
    tone: field('to') === 'active' ? 'good' : 'warning',
  }),
  'agent.blocked': (field) => ({ title: `Blocked @${field('handle') ?? ''}` }),
  'agent.unblocked': (field) => ({ title: `Unblocked @${field('handle') ?? ''}` }),
  'agent.reported': (field) => ({ title: `Reported @${field('handle') ?? ''}`, tone: 'warning' }),
  'agent.deleted': () => ({ title: 'Account deleted', tone: 'warning' }),
  'webhook.created': () => ({ title: 'Webhook registered' }),
  'webhook.updated': () => ({ title: 'Webhook changed' }),
  'webhook.deleted': () => ({ title: 'Webhook removed' }),
  'webhook.secret_rotated': () => ({ title: 'Secret of a webhook rotated', tone: 'warning' }),
  'webhook.secret_revoked': () => ({ title: 'Earlier secret of a webhook ended' }),
  'webhook.redelivered': () => ({ title: 'Delivery of a webhook sent again' }),
  'webhook.recovery_requested': () => ({ title: 'Recovery of a webhook started' }),
  'webhook.tested': () => ({ title: 'Webhook tested' }),
  'message.sent': (field) => messageLine(field, 'Sent to', 'Sent to'),
  'message.received': (field) => messageLine(field, 'Received from', 'Received in'),
};

const UNPAUSE_REASONS: Readonly<Record<string, string>> = {
  released: 'Because its owner released it',
  key_rotated: 'Because its API key was changed',
};

/** Of a message the log names the peer or, in a group, the group. */
function messageLine(field: Metadata, toPeer: string, inGroup: string): Line {
  const peer = field('peer_handle');
  const conversationId = field('conversation_id');
  return {
    title: peer === null ? `${inGroup} ${field('group_name') ?? 'a group'}` : `${toPeer} @${peer}`,
    detail: field('preview'),
    tone: 'message',
    ...(conversationId === null ? {} : { conversationId }),
  };
}

/** `community_reports` as `Community reports`. */
function readable(code: string | null): string | null {
  if (code === null) return null;
  const words = code.replaceAll('_', ' ').replaceAll('.', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
