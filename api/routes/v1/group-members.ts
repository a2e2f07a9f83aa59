import {
  acceptInvitation,
  addMember,
  demoteMember,
  listInvitations as listInvitationsEndpoint,
  promoteMember,
  rejectInvitation,
  removeMember,
} from '../../../contract/endpoints-groups';
import { AppError } from '../../../contract/errors';
import { normaliseHandle } from '../../../contract/handles';
import { addMemberSchema } from '../../../contract/groups';
import { memberChange } from '../../../store/groups/group-changes';
import { acceptChange, rejectChange } from '../../../store/groups/group-joins';
import { findInvitation, listInvitations } from '../../../store/groups/groups';
import { addToGroup } from '../../commands/add-to-group';
import { presentInvitation } from '../../../presenters/invitation';
import { presentGroupDetail } from '../../../presenters/group';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { findMember } from '../../http/targets';
import { inviterOf, requireRole, settleLeaver, type GroupDeps } from './groups';

/** Members and invitations: groups.md §5.6 to §5.12. */
export function groupMemberRoutes(deps: GroupDeps): Route[] {
  return [
    agentRoute(addMember, (ctx) => add(ctx, deps)),
    agentRoute(removeMember, (ctx) => change(ctx, deps, 'remove')),
    agentRoute(promoteMember, (ctx) => change(ctx, deps, 'promote')),
    agentRoute(demoteMember, (ctx) => change(ctx, deps, 'demote')),
    agentRoute(listInvitationsEndpoint, (ctx) => list(ctx, deps)),
    agentRoute(acceptInvitation, (ctx) => accept(ctx, deps)),
    agentRoute(rejectInvitation, (ctx) => reject(ctx, deps)),
  ];
}

async function add(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  const body = ctx.validate(addMemberSchema, await ctx.readBody());
  await requireRole(ctx, deps, 'admin');
  const handle = normaliseHandle(body.handle);
  if (handle === '') throw new AppError('VALIDATION_ERROR', undefined, undefined, 'handle is empty');
  return { status: 201, body: await addToGroup(deps, inviterOf(ctx), ctx.params.id ?? '', handle) };
}

const DONE = {
  remove: 'The member was removed',
  promote: 'The member is an admin now',
  demote: 'The admin is a plain member now',
} as const;

/** Handles of members resolve whatever became of the account (groups.md D11). */
async function change(ctx: AgentContext, deps: GroupDeps, kind: keyof typeof DONE): Promise<Reply> {
  await requireRole(ctx, deps, 'admin');
  const target = await findMember(deps.agents, ctx.params.handle ?? '');
  await deps.committer.change(memberChange(kind, ctx.params.id ?? '', ctx.agent, target));
  if (kind === 'remove' && target !== null) await settleLeaver(target._id, deps);
  return { status: 200, body: { message: DONE[kind] } };
}

async function list(ctx: AgentContext, { database, publicBaseUrl }: GroupDeps): Promise<Reply> {
  const rows = await listInvitations(database, ctx.agent._id);
  return { status: 200, body: rows.map((row) => presentInvitation(row, publicBaseUrl)) };
}

async function accept(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  const invitation = await getInvitation(ctx, deps);
  const group = await deps.committer.change(acceptChange(deps, invitation, ctx.agent));
  return { status: 200, body: await presentGroupDetail(group, ctx.agent._id, deps) };
}

async function reject(ctx: AgentContext, deps: GroupDeps): Promise<Reply> {
  await deps.committer.change(rejectChange(deps, await getInvitation(ctx, deps), ctx.agent));
  return { status: 200, body: { message: 'The invitation was rejected' } };
}

async function getInvitation(ctx: AgentContext, { database }: GroupDeps) {
  const invitation = await findInvitation(database, ctx.params.invite_id ?? '', ctx.agent._id);
  if (invitation === null) throw new AppError('INVITE_NOT_FOUND');
  return invitation;
}
