import type { Binary } from 'mongodb';
import type { WebhookEvent } from '../../../contract/events';
import type { InactiveSpan } from '../../../domain/webhook-activity';
import { CLOSED_BREAKER, type Breaker } from '../../../domain/webhook-breaker';
import type { WebhookFilter } from '../../../domain/webhook-filter';
import { NUMBER, shape, STRING_OR_NULL, collection } from './collection';

/** Why a webhook gets nothing more: its endpoint answered 410, failed for days, or somebody switched it off. */
export type DisabledReason = 'gone' | 'failing' | 'manual';

/** The place of one attempt on the wire; a worker that dies leaves it until its lease ends. */
export interface WebhookSlot {
  token: string;
  until: Date;
}

/**
 * One registered endpoint of an agent (webhooks.md §1). Starting any attempt is one conditional update of this document,
 * so whoever deletes, holds or deactivates it decides about every attempt after that. How many an agent has stands in
 * `inbox-in.webhooks`.
 */
export interface Webhook {
  _id: string;
  agentId: string;
  /** As it was given. */
  url: string;
  /** At least one, no repeats, in the order in which they were given. */
  events: WebhookEvent[];
  active: boolean;
  disabledReason: DisabledReason | null;
  /** Sealed by `createWebhookSecrets`; never leaves the server after the creation. */
  secret: SealedSecret;
  /** The secret before the last rotation: it signs, too, until then. Absent, or past: only `secret` does. */
  previousSecret?: { secret: SealedSecret; expiresAt: Date };
  /** The ed25519 pair that signs beside the secret; absent = its agent wants none. */
  keyPair?: SealedKeyPair;
  /** The pair before the last rotation of it, as `previousSecret` is of the secret. */
  previousKeyPair?: { keyPair: SealedKeyPair; expiresAt: Date };
  /** The bare-hex signature under the second header name (webhooks.md Decision 1). */
  legacySignature: boolean;
  createdAt: Date;
  /** `webhookVersion` of the agent's inbox right after this webhook came: intents with an older one are not for it. */
  fromVersion: number;
  /** The delivery position that the agent's next envelope had then: a release under way tells it of those from there on. */
  fromPosition?: number;
  /** `fromVersion` as it was, once the webhook began anew; absent = it never did. */
  createdVersion?: number;
  /** When it was switched off and kept what waited (`domain/webhook-activity.ts`); absent = never. */
  inactiveSpans?: InactiveSpan[];
  /** Its agent's own words. */
  description?: string;
  /** What it is told of; absent = everything that it lists. */
  filter?: WebhookFilter;
  /** Attempts that may start within a second; absent = no such limit. */
  rateLimit?: number;
  /** A delivery waits for earlier ones of its conversation (`attempts/in-order.ts`); absent = for none. */
  ordering?: 'conversation';
  /** Messages go out together, up to 100 a request (`attempts/lease-batch.ts`); absent = each by itself. */
  batching?: true;
  /** Only with `rateLimit`: when attempts started within the last second, oldest first. */
  starts?: Date[];
  /** Set while the agent is fully paused or suspended: no attempt starts. */
  held: 'paused' | null;
  breaker: Breaker;
  /** Attempts on the wire, at most `WEBHOOK_ATTEMPTS_AT_ONCE`. */
  slots: WebhookSlot[];
}

/** Bytes of `platform/sealing` as a document keeps them. */
export interface SealedSecret {
  keyId: string;
  bytes: Binary;
}

/** An ed25519 pair as a document keeps it. */
export interface SealedKeyPair {
  /** Its 32 bytes as base64: what its agent is shown. */
  publicKey: string;
  privateKey: SealedSecret;
}

export { CLOSED_BREAKER, type Breaker };

export const webhooks = collection<Webhook>({
  schema: shape({
    _id: 'string',
    agentId: 'string',
    url: 'string',
    events: 'array',
    active: 'bool',
    disabledReason: STRING_OR_NULL,
    secret: 'object',
    legacySignature: 'bool',
    createdAt: 'date',
    fromVersion: NUMBER,
    held: STRING_OR_NULL,
    breaker: 'object',
    slots: 'array',
  }),
  indexes: [
    // listWebhooks, expandIntents, silences: the webhooks of an agent, oldest first
    { name: 'agent_created', key: { agentId: 1, createdAt: 1, _id: 1 } },
    // announceAgent: the few that ask for new agents
    {
      name: 'asks_for_agents',
      key: { events: 1, active: 1 },
      partialFilterExpression: { events: 'agent.created' },
    },
  ],
});
