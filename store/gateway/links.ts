import type { ClientSession, UpdateFilter } from 'mongodb';
import { AppError } from '../../contract/errors';
import { LINKS_PER_AGENT_MAX } from '../../contract/limits';
import { OPEN_STATUSES } from '../../domain/turns';
import { newOutboxId } from '../../platform/ids';
import type { Agent } from '../schema/collections/agents';
import type { GatewayExecution } from '../schema/collections/gateway';
import type { GatewayLink } from '../schema/collections/links';
import { withTransaction, type Database } from '../schema/database';
import { READ, WRITE } from '../schema/reads';

/** The links that an owner manages: those that it made itself, of one agent. */
export interface LinkScope {
  agentId: string;
  ownerId: string;
}

/**
 * Stores a new link. Every one of an agent writes the agent's claim, so of any number at once each counts those before
 * it, and none is made for an agent whose claim has just ended. A crash leaves all of it or nothing.
 * @throws AppError LIMIT_REACHED, AGENT_NOT_FOUND when the claim is not the owner's any more
 */
export function insertLink(database: Database, link: GatewayLink): Promise<void> {
  const { agentId, ownerId } = link;
  return withTransaction(database, async (transaction) => {
    const { matchedCount } = await database.claims.updateOne(
      { _id: agentId, ownerId },
      { $inc: { linksMade: 1 } },
      { session: transaction },
    );
    if (matchedCount === 0) throw new AppError('AGENT_NOT_FOUND');
    const count = await database.gatewayLinks.countDocuments({ agentId, ownerId }, { session: transaction });
    if (count >= LINKS_PER_AGENT_MAX) throw new AppError('LIMIT_REACHED', { limit: LINKS_PER_AGENT_MAX });
    await database.gatewayLinks.insertOne(link, { session: transaction });
  });
}

/** The links of an agent, newest first. */
export function listLinks(database: Database, { agentId, ownerId }: LinkScope): Promise<GatewayLink[]> {
  return database.gatewayLinks
    .find({ agentId, ownerId }, { ...READ, sort: { createdAt: -1, _id: 1 }, limit: LINKS_PER_AGENT_MAX })
    .toArray();
}

/** A link of the owner's; null for everybody else's, and for one that never was. */
export function findLink(database: Database, id: string, { agentId, ownerId }: LinkScope): Promise<GatewayLink | null> {
  return database.gatewayLinks.findOne({ _id: id, agentId, ownerId }, READ);
}

/** What an owner may change of a link; what is not there stays. */
export type LinkChange = Partial<
  Pick<
    GatewayLink,
    'name' | 'enabled' | 'expiresAt' | 'requireEmail' | 'maxMessages' | 'welcome' | 'tokenHash' | 'tokenPrefix'
  >
>;

/**
 * Changes a link; with a new token the old one is dead from the commit on. Who enables it has seen the complaints of its
 * agent: they count anew. @returns the link as it is then, or null when the owner has no such link
 */
export function changeLink(
  database: Database,
  id: string,
  { agentId, ownerId }: LinkScope,
  change: LinkChange,
): Promise<GatewayLink | null> {
  const filter = { _id: id, agentId, ownerId };
  const fields = { ...change, ...(change.enabled === true ? { complaints: [] } : {}) };
  if (Object.keys(fields).length === 0) return database.gatewayLinks.findOne(filter, READ);
  return database.gatewayLinks.findOneAndUpdate(filter, { $set: fields }, { returnDocument: 'after', ...WRITE });
}

/**
 * Revokes a link for good: its row is gone, and a turn that starts at the same time writes that row, so it commits before
 * or not at all. The row in the outbox makes certain that the open turns end. @returns false when there is no such link
 */
export function revokeLink(
  database: Database,
  id: string,
  { agentId, ownerId }: LinkScope,
  at: Date,
): Promise<boolean> {
  return withTransaction(database, async (transaction) => {
    const { deletedCount } = await database.gatewayLinks.deleteOne(
      { _id: id, agentId, ownerId },
      { session: transaction },
    );
    if (deletedCount === 0) return false;
    await database.outbox.insertOne(
      { _id: newOutboxId(), kind: 'link.revoked', linkId: id, createdAt: at },
      { session: transaction },
    );
    return true;
  });
}

/** No link, claim or agent has this id. */
const NOBODY = '-';

/**
 * The link of a token with its agent, whatever state it is in; null where there is none, or its agent has another owner
 * by now. As many look-ups for a token that was made up as for one that works: how long it takes tells nothing.
 */
export async function findLinkByToken(
  database: Database,
  tokenHash: string,
): Promise<{ link: GatewayLink; agent: Agent } | null> {
  const link = await database.gatewayLinks.findOne({ tokenHash }, READ);
  const claim = await database.claims.findOne({ _id: link?.agentId ?? NOBODY, ownerId: link?.ownerId ?? NOBODY }, READ);
  const agent = await database.agents.findOne({ _id: link?.agentId ?? NOBODY }, READ);
  return link === null || claim === null || agent === null ? null : { link, agent };
}

/** A message that a visitor sends over a link. */
export interface LinkMessage {
  linkId: string;
  /** A keyed hash of where it came from. */
  addressHash: string;
}

/**
 * Takes one message of a link, in the transaction that starts its turn: of any number at once no more than the link allows,
 * and none over a link that was disabled, has expired or is gone.
 * @throws AppError LINK_NOT_FOUND
 */
export async function takeLinkMessage(
  database: Database,
  { linkId, addressHash }: LinkMessage,
  now: Date,
  transaction: ClientSession,
): Promise<void> {
  const { upsertedCount } = await database.gatewayLinkAddresses.updateOne(
    { _id: `${linkId}:${addressHash}` },
    { $setOnInsert: {} },
    { upsert: true, session: transaction },
  );
  const counted: UpdateFilter<GatewayLink> = {
    $inc: { 'usage.messages': 1, ...(upsertedCount === 0 ? {} : { 'usage.addresses': 1 }) },
    $max: { 'usage.lastUsedAt': now },
  };
  const { matchedCount } = await database.gatewayLinks.updateOne(
    {
      _id: linkId,
      enabled: true,
      $and: [
        { $or: [{ expiresAt: null }, { expiresAt: { $gt: now } }] },
        { $or: [{ maxMessages: null }, { $expr: { $lt: ['$usage.messages', '$maxMessages'] } }] },
      ],
    },
    counted,
    { session: transaction },
  );
  if (matchedCount === 0) throw new AppError('LINK_NOT_FOUND');
}

/** Turns that end together; the others with the next round. */
const TURNS_MAX = 100;

/** Open turns that were started over a link, the last first: none is handed over because one before it ended. */
export function findOpenTurnsOfLink(database: Database, linkId: string): Promise<GatewayExecution[]> {
  return database.gatewayExecutions
    .find({ linkId, status: { $in: [...OPEN_STATUSES] } }, { ...READ, sort: { queuedAt: -1 }, limit: TURNS_MAX })
    .toArray();
}

/** Removes what is kept of a link's visitors. Repeating it finds nothing; their sessions are the agent's owner's, and stay. */
export async function forgetVisitors(database: Database, linkId: string): Promise<void> {
  await database.gatewayVisits.deleteMany({ linkId });
  await database.gatewayLinkAddresses.deleteMany({ _id: { $gt: `${linkId}:`, $lt: `${linkId};` } });
}
