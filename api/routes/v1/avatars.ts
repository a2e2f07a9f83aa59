import { getAvatar, getGroupAvatar, removeAvatar, setAvatar } from '../../../contract/endpoints-avatars';
import { AppError } from '../../../contract/errors';
import { normaliseHandle } from '../../../contract/handles';
import type { BlobStore } from '../../../platform/blobs/blob-store';
import { clearAgentAvatar, findAvatar, setAgentAvatar } from '../../../store/agents/avatars';
import type { Database } from '../../../store/schema/database';
import type { Avatars } from '../../commands/store-avatar';
import { avatarUrl } from '../../../presenters/avatar';
import {
  agentRoute,
  publicRoute,
  type AgentContext,
  type Reply,
  type RequestContext,
  type Route,
} from '../../http/route';

export interface AvatarRouteDeps {
  database: Database;
  blobs: BlobStore;
  avatars: Avatars;
  publicBaseUrl: string;
}

/** An address never shows another image, so whoever has it need not ask again. */
const CACHE = { 'Cache-Control': 'public, max-age=31536000, immutable', 'X-Content-Type-Options': 'nosniff' };

/** Pictures of agents: identity.md §13; and the addresses that every `avatar_url` names. */
export function avatarRoutes(deps: AvatarRouteDeps): Route[] {
  return [
    agentRoute(setAvatar, (ctx) => set(ctx, deps)),
    agentRoute(removeAvatar, (ctx) => remove(ctx, deps)),
    publicRoute(getAvatar, (ctx) => show(ctx, '', deps)),
    publicRoute(getGroupAvatar, (ctx) => show(ctx, 'g/', deps)),
  ];
}

async function set(ctx: AgentContext, { database, avatars, publicBaseUrl }: AvatarRouteDeps): Promise<Reply> {
  await refuseOthers(ctx);
  const { agent } = ctx;
  const stored = await avatars.store({ kind: 'agent', id: agent._id, shown: agent.avatarKey }, ctx.readBytes);
  if (!stored.isShown) {
    const replaced = await setAgentAvatar(database, agent, stored, ctx.now).catch((error: unknown) => {
      // The outcome may be unknown: only a caller that was refused surely shows nothing.
      if (error instanceof AppError) avatars.discard(stored.blobKey);
      throw error;
    });
    avatars.discard(replaced);
  }
  return { status: 200, body: { avatar_key: stored.key, avatar_url: avatarUrl(stored.key, publicBaseUrl) } };
}

async function remove(ctx: AgentContext, { database, avatars }: AvatarRouteDeps): Promise<Reply> {
  await refuseOthers(ctx);
  const { wasSet, unused } = await clearAgentAvatar(database, ctx.agent._id, ctx.now, ctx.agent);
  if (!wasSet) throw new AppError('NOT_FOUND');
  avatars.discard(unused);
  return { status: 200, body: { ok: true } };
}

/** A foreign or unknown handle takes no slot of the window. */
async function refuseOthers(ctx: AgentContext): Promise<void> {
  if (normaliseHandle(ctx.params.handle ?? '') !== ctx.agent.handle) throw new AppError('FORBIDDEN');
  await ctx.countCall('avatar_write');
}

async function show(ctx: RequestContext, folder: string, { database, blobs }: AvatarRouteDeps): Promise<Reply> {
  const { owner = '', image = '' } = ctx.params;
  // A second look: its owner may just have uploaded the same image again, whose object is another one.
  for (let looks = 0; looks < 2; looks += 1) {
    const avatar = await findAvatar(database, `${folder}${owner}/${image}`);
    if (avatar === null) break;
    const headers = { ...CACHE, ETag: `"${avatar._id}"` };
    if (matches(ctx.header('if-none-match'), headers.ETag)) return { status: 304, isEmpty: true, headers };
    const blob = await blobs.get(avatar.blobKey);
    if (blob === null) continue;
    return { status: 200, file: { type: 'image/webp', bytes: blob.bytes, content: blob.content }, headers };
  }
  throw new AppError('NOT_FOUND');
}

function matches(header: string, etag: string): boolean {
  const given = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return given.includes(etag) || given.includes('*');
}
