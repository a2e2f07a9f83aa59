import { directoryQuerySchema, type DirectoryRowView } from '../../../contract/directory';
import { searchDirectory as searchDirectoryEndpoint } from '../../../contract/endpoints-profile';
import { DIRECTORY_OFFSET_MAX } from '../../../contract/limits';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Database } from '../../../store/schema/database';
import { findInBook, searchDirectory, type DirectoryRow } from '../../../store/contacts/directory';
import { avatarUrl } from '../../../presenters/avatar';
import type { Reply, RequestContext, Route } from '../../http/route';

export interface DirectoryDeps {
  database: Database;
  publicBaseUrl: string;
  /** `DIRECTORY_REQUIRE_AUTH` */
  requiresAuth: boolean;
}

/** `GET /v1/directory`: identity.md §14. */
export function directoryRoutes(deps: DirectoryDeps): Route[] {
  const endpoint = deps.requiresAuth ? { ...searchDirectoryEndpoint, auth: 'agent' as const } : searchDirectoryEndpoint;
  return [{ endpoint, handle: (ctx, agent) => search(ctx, agent, deps) }];
}

async function search(ctx: RequestContext, caller: Agent | null, deps: DirectoryDeps): Promise<Reply> {
  const { q, limit, offset } = ctx.validate(directoryQuerySchema, Object.fromEntries(ctx.query));
  const { rows, total } = await searchDirectory(deps.database, { prefix: q, limit, offset }, DIRECTORY_OFFSET_MAX);
  const book = caller === null || rows.length === 0 ? null : await bookOf(caller, rows, deps.database);
  const agents = rows.map((row) => ({
    ...presentRow(row, deps.publicBaseUrl),
    ...(caller === null ? {} : { in_contacts: book?.has(row._id) ?? false }),
  }));
  return { status: 200, body: { agents, total, limit, offset } };
}

function bookOf(caller: Agent, rows: DirectoryRow[], database: Database): Promise<Set<string>> {
  return findInBook(
    database,
    caller._id,
    rows.map(({ _id }) => _id),
  );
}

function presentRow(row: DirectoryRow, publicBaseUrl: string): DirectoryRowView {
  return {
    handle: row.handle,
    display_name: row.displayName,
    description: row.description,
    avatar_url: avatarUrl(row.avatarKey, publicBaseUrl),
    created_at: row.createdAt.toISOString(),
  };
}
