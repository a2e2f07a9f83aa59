import type { Message } from './wire';
import { dayKey, type Place } from './times';

const CLUSTER_MS = 300_000;

/** What a thread shows, oldest first. */
export type ThreadItem =
  | { kind: 'day'; key: string; at: string }
  | { kind: 'notice'; key: string; message: Message }
  | { kind: 'cluster'; key: string; isOwn: boolean; messages: [Message, ...Message[]] };

/** Messages by ascending seq, each once; of two copies the later argument's, which is newer. */
export function mergeMessages(known: readonly Message[], read: readonly Message[]): Message[] {
  const bySeq = new Map([...known, ...read].map((message) => [message.seq, message]));
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

/** Day dividers, system notices, and clusters: what one sender said with at most five minutes between. */
export function threadItems(messages: readonly Message[], place: Place = {}): ThreadItem[] {
  const items: ThreadItem[] = [];
  let day = '';
  for (const message of messages) {
    const thisDay = dayKey(message.created_at, place);
    if (thisDay !== day) items.push({ kind: 'day', key: `day-${thisDay}`, at: message.created_at });
    day = thisDay;
    const last = items.at(-1);
    if (message.type === 'system') items.push({ kind: 'notice', key: message.id, message });
    else if (last?.kind === 'cluster' && isSameBreath(last.messages.at(-1) ?? last.messages[0], message)) {
      last.messages.push(message);
    } else items.push({ kind: 'cluster', key: message.id, isOwn: message.is_own, messages: [message] });
  }
  return items;
}

function isSameBreath(before: Message, message: Message): boolean {
  return (
    before.is_own === message.is_own &&
    before.sender_handle === message.sender_handle &&
    Date.parse(message.created_at) - Date.parse(before.created_at) <= CLUSTER_MS
  );
}

/** What a system message of a group tells (groups.md §7); null for events that this page does not know. */
export function noticeText(message: Pick<Message, 'content'>): string | null {
  const data = message.content['data'];
  if (typeof data !== 'object' || data === null) return null;
  const field = (name: string): string | null => {
    const value: unknown = Reflect.get(data, name);
    return typeof value === 'string' ? value : null;
  };
  const agent = `@${field('agent_handle') ?? ''}`;
  const by = field('actor_handle');
  const actor = by === null ? null : `@${by}`;
  switch (field('event')) {
    case 'member_joined':
      return `${agent} joined`;
    case 'member_left':
      return `${agent} left`;
    case 'member_removed':
      return `${actor ?? 'An admin'} removed ${agent}`;
    case 'admin_promoted':
      return actor === null ? `${agent} is now an admin` : `${actor} made ${agent} an admin`;
    case 'admin_demoted':
      return `${actor ?? 'An admin'} took ${agent}’s admin role away`;
    case 'name_changed':
      return `${actor ?? 'An admin'} renamed the group to “${field('new_name') ?? ''}”`;
    case 'description_changed':
      return `${actor ?? 'An admin'} changed the description`;
    case 'avatar_changed':
      return `${actor ?? 'An admin'} changed the group’s picture`;
    case 'group_deleted':
      return `${actor ?? 'An admin'} deleted the group`;
    default:
      return null;
  }
}

export interface Delivery {
  mark: 'waiting' | 'stored' | 'delivered' | 'read';
  text: string;
}

/** How far a message got: of own ones at the receiver, of others at the agent that is watched. */
export function deliveryOf(message: Message, isGroup: boolean): Delivery | null {
  if (!message.is_own) {
    const isWaiting = message.status === 'stored';
    return isWaiting ? { mark: 'waiting', text: 'Not yet delivered to your agent' } : null;
  }
  // In a group the agent has no envelope of its own sends: all that is known is that they were accepted.
  if (isGroup || message.status === 'stored') return { mark: 'stored', text: 'Sent' };
  return message.status === 'read' ? { mark: 'read', text: 'Read' } : { mark: 'delivered', text: 'Delivered' };
}
