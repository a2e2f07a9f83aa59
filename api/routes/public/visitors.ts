import { AppError } from '../../../contract/errors';
import { TURN_RECEIPT_KEEP_MS, VISITOR_TOKEN_HOURS } from '../../../contract/limits';
import { stateOfLink } from '../../../domain/links';
import type { Config } from '../../../platform/config';
import {
  hashLinkToken,
  newVisitorSessionId,
  sessionIdsOfCall,
  sessionNameOf,
  visitorIdOfSession,
} from '../../../platform/link-tokens';
import { findLinkByToken } from '../../../store/gateway/links';
import { visitorPrincipal } from '../../../store/gateway/principals';
import { findCurrentSession } from '../../../store/gateway/sessions';
import { findVisit } from '../../../store/gateway/visits';
import type { Agent } from '../../../store/schema/collections/agents';
import type { GatewaySession } from '../../../store/schema/collections/gateway';
import type { GatewayLink, GatewayVisit } from '../../../store/schema/collections/links';
import type { Database } from '../../../store/schema/database';
import type { RequestContext } from '../../http/route';

interface Deps {
  database: Database;
}

interface CallDeps extends Deps {
  config: Pick<Config, 'SECRET_KEYS'>;
}

/** A call that may name itself with an `Idempotency-Key` (gateway.md §9.4). */
type NamedCall = Pick<RequestContext, 'clientIp' | 'now' | 'header'>;

/** A share link that works, with its agent. */
export interface OpenLink {
  link: GatewayLink;
  agent: Agent;
}

/** A visitor, as a call names it. */
export interface KnownVisitor {
  visit: GatewayVisit;
  /** What the visitor knows its session by. */
  nameOf(session: Pick<GatewaySession, '_id'>): string;
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

/** A link that works, and the visitor who calls; null for one whom the link does not know. */
type LinkForVisitor = OpenLink & { visitor: KnownVisitor | null };

/**
 * The link of a token with the visitor who calls. A link whose messages are used up is there for whom it knows only.
 * @throws AppError LINK_NOT_FOUND
 */
export const requireLinkFor = (
  deps: Deps,
  token: string,
  credentials: Credentials,
  now: Date,
): Promise<LinkForVisitor> => requireLink(deps, token, now, (link) => findVisitor(deps, link, credentials, now));

/** The same for who says something, and may have said it before. @throws AppError LINK_NOT_FOUND */
export const requireLinkToSay = (
  deps: CallDeps,
  token: string,
  credentials: Credentials,
  call: NamedCall,
): Promise<LinkForVisitor> =>
  requireLink(
    deps,
    token,
    call.now,
    async (link) =>
      (await findVisitor(deps, link, credentials, call.now)) ?? (await findVisitorOfCall(deps, link, call)),
  );

async function requireLink(
  { database }: Deps,
  token: string,
  now: Date,
  find: (link: Pick<GatewayLink, '_id' | 'requireEmail'>) => Promise<KnownVisitor | null>,
): Promise<LinkForVisitor> {
  const found = await findLinkByToken(database, hashLinkToken(token));
  // Looked for in any case: how long a refusal takes must tell nothing of the link.
  const visitor = await find(found?.link ?? NO_LINK);
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

/**
 * A visitor that was never there. Kept for a day, and for as long as the link from its first message on.
 * @param sessionId what it will be known by
 */
export function newVisitor(
  linkId: string,
  now: Date,
  sessionId = newVisitorSessionId(),
): KnownVisitor & { sessionId: string } {
  const visit = {
    _id: hashLinkToken(sessionId),
    linkId,
    visitorId: visitorIdOfSession(sessionId),
    verifiedEmail: null,
    expiresAt: new Date(now.getTime() + VISITOR_TOKEN_HOURS * HOUR_MS),
    createdAt: now,
  };
  return { sessionId, visit, nameOf: () => sessionId };
}

/**
 * Who comes without a session, with a call that names itself: the visitor that such a call has begun with in the last day,
 * from the same address. So whoever repeats its first message finds what came of it, and strangers who chose the same key
 * find nothing of each other.
 */
async function findVisitorOfCall(
  deps: CallDeps,
  link: Pick<GatewayLink, '_id' | 'requireEmail'>,
  call: NamedCall,
): Promise<KnownVisitor | null> {
  for (const id of sessionIdsOf(deps, link, call)) {
    const known = await findVisitor(deps, link, { session_id: id }, call.now);
    if (known !== null && isOfToday(known, call.now)) return known;
  }
  return null;
}

const isOfToday = ({ visit }: KnownVisitor, now: Date): boolean =>
  now.getTime() - visit.createdAt.getTime() < TURN_RECEIPT_KEEP_MS;

/**
 * The visitor that this call begins with. One that names itself makes the same one as a repeat of it that comes at the
 * same time: the session's unique index and the receipt then let one of them begin the turn.
 */
export async function beginVisit(
  deps: CallDeps,
  link: Pick<GatewayLink, '_id' | 'requireEmail'>,
  call: NamedCall,
): Promise<KnownVisitor> {
  const [id] = sessionIdsOf(deps, link, call);
  const before = id === undefined ? null : await findVisitor(deps, link, { session_id: id }, call.now);
  if (before === null) return newVisitor(link._id, call.now, id);
  // A repeat has just begun with it; or a key of an earlier day, which names nobody any more.
  return isOfToday(before, call.now) ? before : newVisitor(link._id, call.now);
}

function sessionIdsOf({ config }: CallDeps, { _id: linkId }: Pick<GatewayLink, '_id'>, call: NamedCall): string[] {
  const idempotencyKey = call.header('idempotency-key');
  if (idempotencyKey === '') return [];
  return sessionIdsOfCall(config.SECRET_KEYS, { linkId, address: call.clientIp, idempotencyKey });
}

/** The session that the visitor has with the agent now, or null. */
export const findVisitorSession = ({ database }: Deps, { visit }: KnownVisitor, { agent }: OpenLink) =>
  findCurrentSession(database, visitorPrincipal(visit), agent._id);
