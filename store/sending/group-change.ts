import type { GroupGuard } from '../../domain/group';
import type { GroupDecision } from '../../domain/group-decision';
import type { Caller } from '../schema/prove-caller';
import type { AgentCard } from '../agents/agents';
import type { GuardSet } from './guard-set';
import type { ChangeExtras } from './items';

/**
 * A change of one group: membership, role, metadata, invitation, deletion. It takes its turn among the sends, is decided
 * from the group's guard as it is then, and commits together with the system messages that announce it. All functions
 * may run several times: after a conflict everything is read and decided anew.
 */
export interface GroupChange<T> {
  groupId: string;
  /** Whose call it is, with the key that it was authenticated with: the commit proves it. Absent: no call of an agent. */
  caller?: Caller;
  /** Guard documents that the decision reads besides the group and the inboxes of its members. */
  guardIds?: string[];
  /** Who may become a member by it: what the agent mutes counts for all that it gets from then on. */
  joinerId?: string;
  /** Reads rows that the decision needs; nothing of the group can change between this and the commit. */
  load?: (group: GroupGuard | null) => Promise<void>;
  /** Who may stand behind its system messages, by agent id; known after `load`. */
  senders: () => Map<string, AgentCard>;
  decide: (group: GroupGuard | null, guards: GuardSet, now: Date) => GroupDecision<T>;
  /** What the commit writes besides; asked after `decide`. */
  extras?: () => ChangeExtras;
}
