import { createGroup, deleteGroup, getGroup, leaveGroup, updateGroup } from '../../../contract/endpoints-groups';
import { AppError } from '../../../contract/errors';
import { normaliseHandle } from '../../../contract/handles';
import { createGroupSchema, updateGroupSchema, type AddResultView } from '../../../contract/groups';
import type { AddMode } from '../../../domain/group-add';
import { refuseCaller } from '../../../domain/group-changes';
import type { Logger } from '../../../platform/logger';
import type { Orders } from '../../../platform/bus';
import type { AgentReader } from '../../../store/agents/agents';
import type { Committer } from '../../../store/sending/committer';
import type { Database } from '../../../store/schema/database';
import {
  createGroup as storeGroup,
  deleteChange,
  leaveChange,
  updateChange,
} from '../../../store/groups/group-changes';
import { getGroupOf } from '../../../store/groups/groups';
import { settleWrittenOff } from '../../../store/inbox/written-off';
import type { Commands } from '../../commands/commands';
import type { Avatars } from '../../commands/store-avatar';
import { addToGroup, type Inviter } from '../../commands/add-to-group';
import { groupAvatarUrl } from '../../../presenters/invitation';
import { presentGroupDetail } from '../../../presenters/group';
import type { Live } from '../../realtime/broadcast/live';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface GroupDeps {
  database: Database;
  agents: AgentReader;
  committer: Committer;
  live: Live;
  orders: Orders;
  avatars: Avatars;
  log: Logger;
  publicBaseUrl: string;
  addMode: AddMode;
  commands: Pick<Commands, 'startGroupDeletion'>;
}

/** Groups themselves: groups.md §5.1 to §5.3, §5.13, §5.14. */
export function groupRoutes(deps: GroupDeps): Route[] {
  return [
    agentRoute(createGroup, (ctx) => create(ctx, deps)),
    agentRoute(getGroup, (ctx) => get(ctx, deps)),
    agentRoute(updateGroup, (ctx) => update(ctx, deps)),
    agentRoute(leaveGroup, (ctx) => leave(ctx, deps)),
    agentRoute(deleteGroup, (ctx) => remove(ctx, deps)),
  ];
}

const groupIdOf = (ctx: AgentContext): string => ctx.params.id ?? '';

/** The caller as somebody who adds members. */
export const inviterOf = ({ agent, countCall }: AgentContext): Inviter => ({
  agent,
  countInvitation: () => countCall('group_invite'),
});

async function create(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  const body = ctx.validate(createGroupSchema, await ctx.readBody());
  const { groupId } = await storeGroup(deps.database, ctx.agent, {
    name: body.name,
    description: body.description ?? null,
    avatarUrl: body.avatar_url ?? null,
    at: ctx.now,
  });
  const handles = new Set((body.member_handles ?? []).map(normaliseHandle));
  handles.delete('');
  handles.delete(ctx.agent.handle);
  const results: AddResultView[] = [];
  for (const handle of handles) {
    const result = await addToGroup(deps, inviterOf(ctx), groupId, handle).catch((error: unknown) => {
      // Whatever goes wrong with one handle never fails the group that exists already.
      if (!(error instanceof AppError)) deps.log.warn({ event: 'group.add_failed', groupId, err: error });
      return null;
    });
    if (result !== null) results.push(result);
  }
  return { status: 201, body: { group: await readDetail(ctx, deps, groupId), add_results: results } };
}

async function get(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  return { status: 200, body: await readDetail(ctx, deps, groupIdOf(ctx)) };
}

async function readDetail(ctx: AgentContext, deps: GroupDeps, groupId: string): Promise<object> {
  const { group } = await getGroupOf(deps.database, groupId, ctx.agent._id);
  return presentGroupDetail(group, ctx.agent._id, deps);
}

/** Order: body, then group and membership, then role, then the write (groups.md §5.3). */
async function update(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  const body = ctx.validate(updateGroupSchema, await ctx.readBody());
  const groupId = groupIdOf(ctx);
  await requireRole(ctx, deps, 'admin');
  const patch = {
    ...(typeof body.name === 'string' ? { name: body.name } : {}),
    ...(body.description === undefined ? {} : { description: body.description }),
    ...(body.avatar_url === undefined ? {} : { avatarUrl: body.avatar_url }),
  };
  const shown = (group: Parameters<typeof groupAvatarUrl>[0]) => groupAvatarUrl(group, deps.publicBaseUrl);
  let unused: string | null = null;
  const options = { shownAvatar: shown, onUnused: (blobKey: string | null) => (unused = blobKey) };
  await deps.committer.change(updateChange(groupId, ctx.agent, patch, options));
  deps.avatars.discard(unused);
  return { status: 200, body: await readDetail(ctx, deps, groupId) };
}

/** @throws AppError GROUP_NOT_FOUND, GROUP_DELETED, FORBIDDEN: groups.md §4, before anything is written */
export async function requireRole(ctx: AgentContext, deps: GroupDeps, role: 'admin' | 'member') {
  const { group } = await getGroupOf(deps.database, groupIdOf(ctx), ctx.agent._id);
  const refused = refuseCaller(group, ctx.agent._id, role);
  if (refused !== null) throw new AppError(refused.code, refused.details);
  return group;
}

async function leave(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  const groupId = groupIdOf(ctx);
  await requireRole(ctx, deps, 'member');
  const { promotedHandle } = await deps.committer.change(leaveChange(deps, groupId, ctx.agent));
  await settleLeaver(ctx.agent._id, deps);
  return { status: 200, body: { message: 'You left the group', promoted_handle: promotedHandle } };
}

/**
 * Before the answer no node pushes any more of what the agent lost; the rows are rewritten behind it. When the process
 * dies first, sockets find it at their next read and the relay rewrites.
 */
export async function settleLeaver(agentId: string, { database, orders, log }: GroupDeps): Promise<void> {
  await orders.give({ kind: 'recheck', agentId });
  settleWrittenOff(database, agentId).catch((error: unknown) => log.warn({ event: 'written-off.failed', err: error }));
}

/**
 * The answer comes once the cut-over is durable; the flow notifies the members. Its start is tried here and made
 * certain by the outbox row that the cut-over wrote.
 */
async function remove(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  const groupId = groupIdOf(ctx);
  const { createdBy } = await requireRole(ctx, deps, 'member');
  let unused: string | null = null;
  const onUnused = (blobKey: string | null) => (unused = blobKey);
  const { deletedAt } = await deps.committer.change(deleteChange(groupId, ctx.agent, createdBy, onUnused));
  deps.avatars.discard(unused);
  void deps.commands.startGroupDeletion(groupId);
  return { status: 200, body: { message: 'The group was deleted', deleted_at: deletedAt.toISOString() } };
}
