import type { GroupHead } from '../../domain/group';
import type { GroupDecision } from '../../domain/group-decision';
import type { AgentCard } from '../agents';
import type { HeadSet } from './head-set';
import type { ChangeExtras } from './items';

/**
 * A change of one group: membership, role, metadata, invitation, deletion. It takes its turn among the sends, is decided
 * from the group's head as it is then, and commits together with the system messages that announce it. All functions
 * may run several times: after a conflict everything is read and decided anew.
 */
export interface GroupChange<T> {
  groupId: string;
  /** Guarding documents that the decision reads besides the group and the inboxes of its members. */
  headIds?: string[];
  /** Reads rows that the decision needs; nothing of the group can change between this and the commit. */
  load?: (group: GroupHead | null) => Promise<void>;
  /** Who may stand behind its system messages, by agent id; known after `load`. */
  senders: () => Map<string, AgentCard>;
  decide: (group: GroupHead | null, heads: HeadSet, now: Date) => GroupDecision<T>;
  /** What the commit writes besides; asked after `decide`. */
  extras?: () => ChangeExtras;
}
