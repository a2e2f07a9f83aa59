import { createHash, randomBytes } from 'node:crypto';
import type { ClientSession } from 'mongodb';
import { AppError } from '../../contract/errors';
import {
  inboxInId,
  inboxOutId,
  senderGuardId,
  type InboxInGuard,
  type InboxOutGuard,
  type SenderGuard,
} from '../../domain/guards';
import { agentActor, recordAudit } from '../schema/audit';
import type { Agent, AgentSettings } from '../schema/collections/agents';
import { withTransaction, type Database } from '../schema/database';
import { isDuplicateKey } from '../schema/conflicts';
import { READ } from '../schema/reads';

export interface NewAgent {
  id: string;
  handle: string;
  email: string;
  apiKeyHash: string;
  displayName: string | null;
  description: string | null;
  isSystem?: boolean;
  /** A guest of the gateway: the agents that see it. Absent = an agent. */
  guestOf?: string[];
  /** Default: everything open. */
  settings?: AgentSettings;
  createdAt: Date;
}

/** How many accounts one email may back: identity.md D-18. */
export interface EmailCaps {
  live: number;
  lifetime: number;
}

/** `_id` of the email's counting documents: the address itself stays in the rows that need it. */
export function emailKey(email: string): string {
  return createHash('sha256').update(email).digest('hex');
}

/**
 * Creates an agent with its guard documents and the audit event in one transaction. `also` runs in the same
 * transaction (deleting the pending row, recording the flow's commit).
 *
 * Two at once for one handle or one email: the unique index on `handle` and the email's guard document let one
 * through; the other gets its refusal. A crash before the commit leaves nothing, after it everything.
 * @throws AppError HANDLE_TAKEN, EMAIL_TAKEN, EMAIL_LIMIT_REACHED, EMAIL_EXHAUSTED
 */
export async function createAgent(
  database: Database,
  input: NewAgent,
  caps: EmailCaps,
  also: (session: ClientSession) => Promise<void> = () => Promise.resolve(),
): Promise<Agent> {
  const agent = newAgentRow(input);
  try {
    await withTransaction(database, async (session) => {
      await database.agents.insertOne(agent, { session });
      await countEmail(database, input.email, caps, session);
      await database.guards.insertMany(newGuards(agent), { session });
      await recordAudit(
        database,
        { actor: agentActor(agent._id), action: 'agent.created', targetId: agent._id, at: input.createdAt },
        session,
      );
      await also(session);
    });
  } catch (error) {
    if (isDuplicateKey(error, ['handle'])) throw new AppError('HANDLE_TAKEN');
    throw error;
  }
  return agent;
}

/** How many accounts an email backs now, and ever backed. */
export async function findEmailUse(database: Database, email: string): Promise<{ live: number; lifetime: number }> {
  const guard = await database.emailGuards.findOne({ _id: emailKey(email) }, READ);
  return { live: guard?.live ?? 0, lifetime: guard?.lifetime ?? 0 };
}

/** Takes one live and one lifetime place of the email, or refuses. The write makes concurrent creations conflict. */
async function countEmail(database: Database, email: string, caps: EmailCaps, session: ClientSession): Promise<void> {
  const guard = await database.emailGuards.findOneAndUpdate(
    { _id: emailKey(email) },
    { $inc: { live: 1, lifetime: 1 } },
    { upsert: true, returnDocument: 'after', session },
  );
  const refusal = refuseEmail(guard?.live ?? 1, guard?.lifetime ?? 1, caps);
  if (refusal) throw refusal;
}

/** The refusal of identity.md §3 checks 6 and 7 for these counts, the new account included; null when within the caps. */
export function refuseEmail(live: number, lifetime: number, caps: EmailCaps): AppError | null {
  if (live > caps.live) {
    return new AppError(caps.live === 1 ? 'EMAIL_TAKEN' : 'EMAIL_LIMIT_REACHED', { limit: caps.live });
  }
  return lifetime > caps.lifetime ? new AppError('EMAIL_EXHAUSTED', { limit: caps.lifetime }) : null;
}

/** The row of a new account; whoever inserts it inserts `newGuards` of it in the same transaction. */
export function newAgentRow(input: NewAgent): Agent {
  return {
    _id: input.id,
    handle: input.handle,
    email: input.email,
    apiKeyHash: input.apiKeyHash,
    keyVersion: 1,
    displayName: input.displayName,
    description: input.description,
    avatarKey: null,
    status: 'active',
    pausedByOwner: 'none',
    settings: input.settings ?? { inboxMode: 'open', groupInvitePolicy: 'open', discoverable: true },
    isSystem: input.isSystem ?? false,
    isListed: input.guestOf === undefined,
    inboxSalt: randomBytes(16).toString('hex'),
    lastSeenAt: null,
    ...(input.guestOf === undefined ? {} : { guestOf: input.guestOf }),
    createdAt: input.createdAt,
    updatedAt: input.createdAt,
  };
}

/** The guard documents of a new account. */
export function newGuards(agent: Agent): [SenderGuard, InboxInGuard, InboxOutGuard] {
  const guest = agent.guestOf === undefined ? {} : { guestOf: agent.guestOf };
  return [
    {
      _id: senderGuardId(agent._id),
      v: 1,
      status: agent.status,
      pausedByOwner: agent.pausedByOwner,
      keyVersion: agent.keyVersion,
      displayName: agent.displayName,
      window: { second: 0, count: 0 },
      coldOpeners: [],
      ownerId: null,
      ...guest,
    },
    {
      _id: inboxInId(agent._id),
      v: 1,
      nextPosition: 1,
      enqueued: 0,
      status: agent.status,
      pausedByOwner: agent.pausedByOwner,
      inboxMode: agent.settings.inboxMode,
      webhooks: 0,
      muteVersion: 0,
      salt: agent.inboxSalt,
      ownerId: null,
      ...guest,
    },
    { _id: inboxOutId(agent._id), v: 1, dequeued: 0 },
  ];
}
