import {
  MongoClient,
  MongoError,
  type ClientSession,
  type Collection,
  type Db,
  type TransactionOptions,
} from 'mongodb';
import type { AttachmentHead } from '../domain/attachments';
import type { GroupHead } from '../domain/group';
import type { InboxInHead, InboxOutHead, ListedHead, PairHead, SenderHead } from '../domain/heads';
import * as agentSpecs from './collections/agents';
import * as blobSpecs from './collections/blobs';
import { auditEvents, type AuditEvent } from './collections/audit';
import { deliveries, type Delivery } from './collections/deliveries';
import * as enforcementSpecs from './collections/enforcement';
import * as groupSpecs from './collections/groups';
import { heads } from './collections/heads';
import { idempotency, type IdempotencyEntry } from './collections/idempotency';
import * as messageSpecs from './collections/messages';
import * as nodeSpecs from './collections/nodes';
import { outbox, type OutboxRow } from './collections/outbox';
import * as ownerSpecs from './collections/owners';
import { recoveries, type Recovery } from './collections/recoveries';
import * as readStateSpecs from './collections/read-states';
import { presences, type PresenceRow } from './collections/presences';
import * as relationSpecs from './collections/relations';
import { wsTickets, type WsTicket } from './collections/tickets';
import * as verificationSpecs from './collections/verification';
import { webhooks, type Webhook } from './collections/webhooks';
import type { CollectionSpec } from './collections/collection';
import { DatabaseTimeout, within } from './deadline';

/** A document of `heads`: which kind it is stands in its `_id`. */
export type Head = PairHead | SenderHead | InboxInHead | InboxOutHead | ListedHead | GroupHead | AttachmentHead;

/** The typed collections of one database. */
export interface Database {
  client: MongoClient;
  db: Db;
  agents: Collection<agentSpecs.Agent>;
  emailHeads: Collection<agentSpecs.EmailHead>;
  avatars: Collection<blobSpecs.Avatar>;
  heads: Collection<Head>;
  messages: Collection<messageSpecs.Message>;
  envelopes: Collection<messageSpecs.Envelope>;
  readStates: Collection<readStateSpecs.ReadState>;
  hiddenRanges: Collection<readStateSpecs.HiddenRange>;
  contacts: Collection<relationSpecs.Contact>;
  blocks: Collection<relationSpecs.Block>;
  mutes: Collection<relationSpecs.Mute>;
  memberships: Collection<groupSpecs.Membership>;
  invitations: Collection<groupSpecs.Invitation>;
  groupDeletions: Collection<groupSpecs.GroupDeletion>;
  reports: Collection<enforcementSpecs.Report>;
  enforcements: Collection<enforcementSpecs.EnforcementState>;
  enforcementTransitions: Collection<enforcementSpecs.EnforcementTransition>;
  outbox: Collection<OutboxRow>;
  pendings: Collection<verificationSpecs.Pending>;
  recoveries: Collection<Recovery>;
  codeCounters: Collection<verificationSpecs.CodeCounter>;
  rateWindows: Collection<verificationSpecs.RateWindow>;
  auditEvents: Collection<AuditEvent>;
  idempotency: Collection<IdempotencyEntry>;
  nodes: Collection<nodeSpecs.Node>;
  connections: Collection<nodeSpecs.Connection>;
  bus: Collection<nodeSpecs.BusNote>;
  presences: Collection<PresenceRow>;
  webhooks: Collection<Webhook>;
  deliveries: Collection<Delivery>;
  owners: Collection<ownerSpecs.Owner>;
  claims: Collection<ownerSpecs.ClaimRow>;
  ownerSessions: Collection<ownerSpecs.OwnerSession>;
  wsTickets: Collection<WsTicket>;
}

/** Every collection that `prepareDatabase` makes. */
export const SPECS: CollectionSpec[] = [
  agentSpecs.agents,
  agentSpecs.emailHeads,
  blobSpecs.avatars,
  heads,
  messageSpecs.messages,
  messageSpecs.envelopes,
  readStateSpecs.readStates,
  readStateSpecs.hiddenRanges,
  relationSpecs.contacts,
  relationSpecs.blocks,
  relationSpecs.mutes,
  enforcementSpecs.reports,
  enforcementSpecs.enforcements,
  enforcementSpecs.enforcementTransitions,
  groupSpecs.memberships,
  groupSpecs.invitations,
  groupSpecs.groupDeletions,
  outbox,
  verificationSpecs.pendings,
  recoveries,
  verificationSpecs.codeCounters,
  verificationSpecs.rateWindows,
  auditEvents,
  idempotency,
  nodeSpecs.nodes,
  nodeSpecs.connections,
  nodeSpecs.bus,
  presences,
  webhooks,
  deliveries,
  ownerSpecs.owners,
  ownerSpecs.claims,
  ownerSpecs.ownerSessions,
  wsTickets,
];

export interface DatabaseOptions {
  uri: string;
  name: string;
  /** Connections of the pool; docs/operations.md says where the default comes from. */
  poolSize?: number;
  /** How long a call waits for a reachable primary before it fails; calls then answer 503. */
  serverSelectionTimeoutMs?: number;
}

/**
 * Opens the database. Writes are majority and journaled for every call of this client, reads go to the primary.
 * Does not wait for the server: the first call does.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const client = new MongoClient(options.uri, {
    maxPoolSize: options.poolSize ?? 32,
    serverSelectionTimeoutMS: options.serverSelectionTimeoutMs ?? 5_000,
    // A server that hangs is given up after the two together, and every call that waits for it fails.
    connectTimeoutMS: 5_000,
    heartbeatFrequencyMS: 5_000,
    writeConcern: { w: 'majority', journal: true },
    retryWrites: true,
    ignoreUndefined: true,
  });
  const db = client.db(options.name);
  return {
    client,
    db,
    agents: db.collection('agents'),
    emailHeads: db.collection('emailHeads'),
    avatars: db.collection('avatars'),
    heads: db.collection('heads'),
    messages: db.collection('messages'),
    envelopes: db.collection('envelopes'),
    readStates: db.collection('readStates'),
    hiddenRanges: db.collection('hiddenRanges'),
    contacts: db.collection('contacts'),
    blocks: db.collection('blocks'),
    mutes: db.collection('mutes'),
    reports: db.collection('reports'),
    enforcements: db.collection('enforcements'),
    enforcementTransitions: db.collection('enforcementTransitions'),
    memberships: db.collection('memberships'),
    invitations: db.collection('invitations'),
    groupDeletions: db.collection('groupDeletions'),
    outbox: db.collection('outbox'),
    pendings: db.collection('pendings'),
    recoveries: db.collection('recoveries'),
    codeCounters: db.collection('codeCounters'),
    rateWindows: db.collection('rateWindows'),
    auditEvents: db.collection('auditEvents'),
    idempotency: db.collection('idempotency'),
    nodes: db.collection('nodes'),
    connections: db.collection('connections'),
    bus: db.collection('bus'),
    presences: db.collection('presences'),
    webhooks: db.collection('webhooks'),
    deliveries: db.collection('deliveries'),
    owners: db.collection('owners'),
    claims: db.collection('claims'),
    ownerSessions: db.collection('ownerSessions'),
    wsTickets: db.collection('wsTickets'),
  };
}

/** Error codes by which MongoDB says that the thing exists already. */
const NAMESPACE_EXISTS = 48;

/**
 * Creates missing collections, validators and indexes. Safe to run at every start and by several processes at once:
 * whoever loses the race to create a collection goes on. A validator is changed only when it differs: the change
 * needs the collection for itself, and would wait for the transactions of a process that just died.
 */
export async function prepareDatabase(database: Database): Promise<void> {
  const existing = await database.db.listCollections().toArray();
  const validators = new Map(existing.map((info) => [info.name, validatorOf(info)]));
  for (const spec of SPECS) {
    const wanted = { $jsonSchema: spec.schema };
    const options = { validator: wanted, validationLevel: 'strict', validationAction: 'error' };
    if (!validators.has(spec.name)) {
      await database.db.createCollection(spec.name, options).catch((error: unknown) => {
        if (!(error instanceof MongoError) || error.code !== NAMESPACE_EXISTS) throw error;
      });
    } else if (validators.get(spec.name) !== JSON.stringify(wanted)) {
      await database.db.command({ collMod: spec.name, ...options });
    }
    if (spec.indexes.length > 0) await database.db.collection(spec.name).createIndexes(spec.indexes);
  }
}

function validatorOf(info: object): string {
  // The driver types the options of a listed collection as unknown: this is their parse point.
  const { options } = info as { options?: { validator?: unknown } };
  return JSON.stringify(options?.validator);
}

/** Snapshot reads, majority and journaled commit. */
export const TRANSACTION: TransactionOptions = {
  readConcern: { level: 'snapshot' },
  writeConcern: { w: 'majority', journal: true },
  maxCommitTimeMS: 10_000,
};

/** The driver itself would try for two minutes. */
const TRANSACTION_MS_MAX = 15_000;

/**
 * Runs `work` in one transaction and commits it. The driver repeats `work` on transient conflicts, so it must have no
 * effect outside the session and must run its operations one after another.
 * @throws DatabaseTimeout after 15 s: nothing is tried again from then on, but a commit under way may still succeed
 */
export async function withTransaction<T>(database: Database, work: (session: ClientSession) => Promise<T>): Promise<T> {
  const endMs = performance.now() + TRANSACTION_MS_MAX;
  const attempt = async (session: ClientSession): Promise<T> => {
    if (performance.now() > endMs) throw new DatabaseTimeout(TRANSACTION_MS_MAX);
    return work(session);
  };
  const running = database.client.withSession((session) =>
    session.withTransaction(() => attempt(session), TRANSACTION),
  );
  return within(TRANSACTION_MS_MAX, running);
}

/** The name of the unique index that refused a write, or null when `error` is no duplicate key. */
export function duplicateKeyIndex(error: unknown): string | null {
  if (!(error instanceof MongoError) || error.code !== 11000) return null;
  const match = /index: (\S+)/.exec(error.message);
  return match?.[1] ?? 'unknown';
}
