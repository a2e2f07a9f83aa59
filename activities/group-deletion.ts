import { ApplicationFailure } from '@temporalio/activity';
import { deletedInfo } from '../domain/group';
import type { Orders } from '../platform/bus';
import type { Logger } from '../platform/logger';
import type { GroupDeletion } from '../store/schema/collections/groups';
import type { Database } from '../store/schema/database';
import { cancelGroupDeliveries } from '../store/webhooks/deliveries';
import { settleWrittenOff } from '../store/inbox/written-off';
import { findDeletion, reachOf, recordOutcome } from '../store/groups/group-deletions';
import { proveProgress } from './progress';

export interface GroupDeletionActivityDeps {
  database: Database;
  orders: Orders;
  log: Logger;
}

/** What became of one attempt to push the notice to a member. */
export type NoticeOutcome = 'done' | 'paused' | 'failed';

/** Members that are notified side by side: an order waits for nodes, not for this machine. */
const NOTIFIED_AT_ONCE = 8;

/** The side effects of a group's deletion after its cut-over. Inputs and results hold ids only. */
export function createGroupDeletionActivities(deps: GroupDeletionActivityDeps) {
  return {
    /** Who was fixed at the cut-over. Takes back what was still to be sent to webhooks of what was written before it. */
    async loadGroupDeletion({ groupId }: { groupId: string }): Promise<{ recipients: string[]; flushed: string[] }> {
      const { recipients, writtenOff, noticeId } = await getDeletion(deps, groupId);
      await cancelGroupDeliveries(deps.database, { groupId, noticeId, now: new Date() });
      return { recipients: recipients.map(({ agentId }) => agentId), flushed: writtenOff };
    },

    /**
     * Hands `group.deleted` to the sockets of each member, behind the notice. A second run may hand it over twice, with
     * the same content (groups.md G10); one member that fails does not hold up the others.
     */
    async tellMembers({
      groupId,
      agentIds,
    }: {
      groupId: string;
      agentIds: string[];
    }): Promise<{ agentId: string; outcome: NoticeOutcome }[]> {
      const deletion = await getDeletion(deps, groupId);
      const notified: { agentId: string; outcome: NoticeOutcome }[] = [];
      for (let start = 0; start < agentIds.length; start += NOTIFIED_AT_ONCE) {
        const chunk = agentIds.slice(start, start + NOTIFIED_AT_ONCE);
        notified.push(
          ...(await Promise.all(
            chunk.map(async (agentId) => ({ agentId, outcome: await notify(deps, deletion, agentId) })),
          )),
        );
        proveProgress();
      }
      return notified;
    },

    /** Rewrites what these agents lost with the group. A second run goes on where the first stopped. */
    async flushMembers({ agentIds }: { agentIds: string[] }): Promise<void> {
      for (const agentId of agentIds) {
        await settleWrittenOff(deps.database, agentId, proveProgress);
        proveProgress();
      }
    },

    /**
     * Leaves the outcome with the deletion; members whom nothing reached are counted in the log. Takes back once more: an
     * intent may have been on its way to a delivery at the first time.
     */
    async finishGroupDeletion(input: {
      groupId: string;
      done: number;
      paused: number;
      dead: string[];
      now: number;
    }): Promise<void> {
      const { groupId, done, paused, dead, now } = input;
      const { noticeId } = await getDeletion(deps, groupId);
      await cancelGroupDeliveries(deps.database, { groupId, noticeId, now: new Date(now) });
      if (dead.length > 0) deps.log.error({ event: 'group_deletion.members_not_told', groupId, dead: dead.length });
      await recordOutcome(deps.database, groupId, { done, paused, dead, finishedAt: new Date(now) });
    },
  };
}

export type GroupDeletionActivities = ReturnType<typeof createGroupDeletionActivities>;

async function notify(
  { database, orders, log }: GroupDeletionActivityDeps,
  deletion: GroupDeletion,
  agentId: string,
): Promise<NoticeOutcome> {
  try {
    const reach = await reachOf(database, agentId);
    if (reach !== 'live') return reach === 'paused' ? 'paused' : 'done';
    const { deletedBy: byId, deletedByHandle: byHandle, deletedAt: at, _id: groupId } = deletion;
    const payload = deletedInfo(groupId, { byId, byHandle, at });
    const afterPosition = deletion.recipients.find((recipient) => recipient.agentId === agentId)?.position ?? 0;
    const text = JSON.stringify({ type: 'group.deleted', payload });
    return (await orders.give({ kind: 'tell', agentId, afterPosition, text })) ? 'done' : 'failed';
  } catch (error) {
    log.warn({ event: 'group_deletion.not_told', groupId: deletion._id, agentId, err: error });
    return 'failed';
  }
}

async function getDeletion({ database }: GroupDeletionActivityDeps, groupId: string): Promise<GroupDeletion> {
  const deletion = await findDeletion(database, groupId);
  if (deletion === null) throw ApplicationFailure.nonRetryable('this group was not deleted', 'GROUP_NOT_FOUND');
  return deletion;
}
