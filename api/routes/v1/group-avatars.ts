import { removeGroupAvatar, setGroupAvatar } from '../../../contract/endpoints-groups';
import { AppError } from '../../../contract/errors';
import { avatarChange } from '../../../store/groups/group-changes';
import { avatarUrl } from '../../../presenters/avatar';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { requireRole, type GroupDeps } from './groups';

/** Pictures of groups: groups.md §5.4, §5.5. */
export function groupAvatarRoutes(deps: GroupDeps): Route[] {
  return [
    agentRoute(setGroupAvatar, (ctx) => set(ctx, deps)),
    agentRoute(removeGroupAvatar, (ctx) => remove(ctx, deps)),
  ];
}

/**
 * Order: size, window, group and role, then the image. The object is stored before the commit that shows it: a crash in
 * between leaves an unused object, one after the commit the replaced one; both are swept up later. Each upload is
 * announced, also of the same image again, and writes an object of its own: one that is shown now may be taken away
 * before this commit shows it again.
 */
async function set(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  await ctx.countCall('avatar_write');
  const { groupId } = await requireRole(ctx, deps, 'admin');
  const after = await deps.avatars.store({ kind: 'group', id: groupId, shown: null }, ctx.readBytes);
  let unused: string | null = null;
  const onUnused = (blobKey: string | null) => (unused = blobKey);
  await deps.committer.change(avatarChange(groupId, ctx.agent, { after, onUnused })).catch((error: unknown) => {
    // The outcome of anything else may be unknown: only a refusal surely shows nothing new.
    if (error instanceof AppError && error.status < 500) deps.avatars.discard(after.blobKey);
    throw error;
  });
  if (unused !== after.blobKey) deps.avatars.discard(unused);
  return { status: 200, body: { avatar_key: after.key, avatar_url: avatarUrl(after.key, deps.publicBaseUrl) } };
}

async function remove(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  await ctx.countCall('avatar_write');
  const { groupId } = await requireRole(ctx, deps, 'admin');
  let unused: string | null = null;
  const onUnused = (blobKey: string | null) => (unused = blobKey);
  await deps.committer.change(avatarChange(groupId, ctx.agent, { after: null, onUnused }));
  deps.avatars.discard(unused);
  return { status: 200, body: { ok: true } };
}
