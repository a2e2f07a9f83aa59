import type { ErrorCode } from '../contract/codes';
import type { ErrorDetails } from '../contract/errors';
import type { GroupGuard, GroupMember, GroupRole } from './group';

/** An agent as the one who acts or who is acted upon. */
export interface Actor {
  id: string;
  handle: string;
}

/** What a system message tells: `data` of groups.md §7 without its `schema_version`. */
export type SystemEvent =
  | { event: 'member_joined' | 'member_left'; agent_handle: string }
  | { event: 'member_removed' | 'admin_demoted'; agent_handle: string; actor_handle: string }
  | { event: 'admin_promoted'; agent_handle: string; actor_handle: string | null }
  | { event: 'name_changed'; new_name: string; actor_handle: string }
  | { event: 'description_changed' | 'avatar_changed' | 'group_deleted'; actor_handle: string };

/** A system message that the change writes; it goes to `recipients`, never to its sender. */
export interface SystemNote {
  sender: Actor;
  event: SystemEvent;
  recipients: GroupMember[];
}

/** What a change of a group writes, all of it or nothing. */
export interface GroupEffects {
  /** The guard as it is afterwards, but for the seqs that the notes take. */
  group: GroupGuard;
  /** In the order of their seqs. */
  notes: SystemNote[];
  joined?: GroupMember;
  /** Who is no longer in it: their stored envelopes of the group count as delivered. */
  left?: string[];
  roles?: { agentId: string; role: GroupRole }[];
  /** The notes are the last thing of this group: they pass mutes and full backlogs. */
  isDeletion?: true;
}

export type GroupDecision<T> =
  | { kind: 'changed'; effects: GroupEffects; value: T }
  | { kind: 'unchanged'; value: T }
  | { kind: 'refused'; code: ErrorCode; details?: ErrorDetails; message?: string };
