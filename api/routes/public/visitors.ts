import { AppError } from '../../../contract/errors';
import { VISITOR_TOKEN_HOURS } from '../../../contract/limits';
import { stateOfLink } from '../../../domain/links';
import { hashLinkToken, newVisitorId, newVisitorSessionId, sessionNameOf } from '../../../platform/link-tokens';
import { findLinkByToken } from '../../../store/gateway/links';
import { visitorPrincipal } from '../../../store/gateway/principals';
import { findCurrentSession } from '../../../store/gateway/sessions';
import { findVisit } from '../../../store/gateway/visits';
import type { Agent } from '../../../store/schema/collections/agents';
import type { GatewaySession } from '../../../store/schema/collections/gateway';
import type { GatewayLink, GatewayVisit } from '../../../store/schema/collections/links';
import type { Database } from '../../../store/schema/database';

interface Deps {
  database: Database;
}

/** A share link that works, with its agent. */
export interface OpenLink {
  link: GatewayLink;
  agent: Agent;
}

/** A visitor, as a call names it. */
export interface KnownVisitor {
  visit: GatewayVisit;
  /** It was never there before this call. */
  isNew?: true;
  /** What the visitor knows its session by. */
  nameOf(session: GatewaySession): string;
}

/** What a visitor may call with. */
export interface Credentials {
  session_id?: string | undefined;
  session_token?: string | undefined;
}

/** The one answer for a token that is unknown, and for a link that is disabled, expired, revoked or used up. */
const notFound = (): AppError => new AppError('LINK_NOT_FOUND');

/** The link of a token when it lets visitors begin, or null. */
export async function findOpenLink({ database }: Deps, token: string, now: Date): Promise<OpenLink | null> {
  const found = await findLinkByToken(database, hashLinkToken(token));
  return found !== null && isThere(found) && stateOfLink(found.link, now) === 'open' ? found : null;
}

const isThere = ({ agent }: OpenLink): boolean => agent.status !== 'deleted';

/** The same. @throws AppError LINK_NOT_FOUND */
export async function requireOpenLink(deps: Deps, token: string, now: Date): Promise<OpenLink> {
  const open = await findOpenLink(deps, token, now);
  if (open === null) throw notFound();
  return open;
}

/**
 * The link of a token with the visitor who calls, null for one whom the link does not know. A link whose messages are used
 * up is there for whom it knows only.
 * @throws AppError LINK_NOT_FOUND
 */
export async function requireLinkFor(
  deps: Deps,
  token: string,
  credentials: Credentials,
  now: Date,
): Promise<OpenLink & { visitor: KnownVisitor | null }> {
  const found = await findLinkByToken(deps.database, hashLinkToken(token));
  // Looked for in any case: how long a refusal takes must tell nothing of the link.
  const visitor = await findVisitor(deps, found?.link ?? NO_LINK, credentials, now);
  if (found === null || !isThere(found)) throw notFound();
  const state = stateOfLink(found.link, now);
  if (state === 'closed' || (state === 'used-up' && visitor === null)) throw notFound();
  return { ...found, visitor };
}

const NO_LINK = { _id: '-', requireEmail: false };

/** Who calls: by the token of a proven address, else by the id of a session where that is enough. */
export async function findVisitor(
  { database }: Deps,
  { _id: linkId, requireEmail }: Pick<GatewayLink, '_id' | 'requireEmail'>,
  { session_id: sessionId, session_token: sessionToken }: Credentials,
  now: Date,
): Promise<KnownVisitor | null> {
  const find = (credential: string) => findVisit(database, { hash: hashLinkToken(credential), linkId, now });
  // Both are looked for, whatever the link asks for: how long it takes tells what was sent, and nothing else.
  const proven = isGiven(sessionToken) ? await find(sessionToken) : null;
  const visit = isGiven(sessionId) ? await find(sessionId) : null;
  if (proven !== null && proven.verifiedEmail !== null) {
    return { visit: proven, nameOf: ({ _id }) => sessionNameOf(_id) };
  }
  if (requireEmail || visit === null || visit.verifiedEmail !== null) return null;
  return { visit, nameOf: () => sessionId ?? '' };
}

const isGiven = (credential: string | undefined): credential is string => credential !== undefined && credential !== '';

const HOUR_MS = 3_600_000;

/** A visitor that was never there. Kept for a day, and for as long as the link from its first message on. */
export function newVisitor(linkId: string, now: Date): KnownVisitor & { sessionId: string } {
  const sessionId = newVisitorSessionId();
  const visit = {
    _id: hashLinkToken(sessionId),
    linkId,
    visitorId: newVisitorId(),
    verifiedEmail: null,
    expiresAt: new Date(now.getTime() + VISITOR_TOKEN_HOURS * HOUR_MS),
    createdAt: now,
  };
  return { sessionId, visit, isNew: true, nameOf: () => sessionId };
}

/** The session that the visitor has with the agent now, or null. */
export const findVisitorSession = ({ database }: Deps, { visit }: KnownVisitor, { agent }: OpenLink) =>
  findCurrentSession(database, visitorPrincipal(visit), agent._id);
