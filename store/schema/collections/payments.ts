import type { Price } from '../../../contract/payments';
import type { SettleState } from '../../../domain/settlement';
import type { Generation } from '../../../domain/x402';
import { collection, DATE_OR_NULL, NUMBER, shape, STRING_OR_NULL } from './collection';
import type { SealedSecret } from './webhooks';

/** What an owner asks of strangers for a turn with an agent (gateway.md §6.3). `_id` = the agent. */
export interface PaymentSettings {
  _id: string;
  /** Who has said so: it is worth nothing once the agent is somebody else's. */
  ownerId: string;
  isEnabled: boolean;
  price: Price | null;
  payTo: string | null;
  description: string | null;
  timeoutSeconds: number;
  updatedAt: Date;
}

/** A payment for one turn. Addresses, assets and nonces are in lower case. */
export interface Payment {
  _id: string;
  agentId: string;
  executionId: string;
  sessionId: string;
  version: Generation;
  /** CAIP-2, whatever its generation calls it. */
  network: string;
  asset: string;
  payer: string;
  nonce: string;
  /** No other turn is paid with it, or under its name. Absent: it was released, or never taken. */
  isClaimed?: true;
  /** The name that its payer gave it. */
  identifier?: string;
  /** SHA-256 of the request's body, and of what was signed with its signature: 64 hex each. */
  bodyHash: string;
  payloadHash: string;
  /** What a facilitator is sent, word for word: sealed, for it moves money. Absent once it is not needed any more. */
  sealed?: SealedSecret;
  amount: string;
  payTo: string;
  /** Running: its turn is open. Released: the turn brought no answer, so nothing was paid. */
  status: 'running' | 'released' | SettleState;
  /** How often it was asked to be settled. */
  attempts: number;
  /** An attempt's answer is not known: it may have been settled. */
  isInDoubt: boolean;
  /** Why it was not settled, at last. */
  reason: string | null;
  transaction: string | null;
  createdAt: Date;
  settledAt: Date | null;
  /** Of an answer whose payment was refused: until then its payer may try again. Absent: it was not refused. */
  withheldUntil?: Date;
}

/** The money of an account with the local facilitator. `_id` = network, asset and address. */
export interface FacilitatorBalance {
  _id: string;
  /** Whole number of the smallest unit: more than any number type of the database holds. */
  amount: string;
}

/** A transfer by the local facilitator: its nonce is used. `_id` = network, asset, payer and nonce. */
export interface FacilitatorTransfer {
  _id: string;
  payloadHash: string;
  transaction: string;
  amount: string;
  at: Date;
}

export const paymentSettings = collection<PaymentSettings>({
  schema: shape({
    _id: 'string',
    ownerId: 'string',
    isEnabled: 'bool',
    payTo: STRING_OR_NULL,
    timeoutSeconds: NUMBER,
    updatedAt: 'date',
  }),
  indexes: [],
});

export const payments = collection<Payment>({
  schema: shape({
    _id: 'string',
    agentId: 'string',
    executionId: 'string',
    sessionId: 'string',
    version: NUMBER,
    network: 'string',
    asset: 'string',
    payer: 'string',
    nonce: 'string',
    bodyHash: 'string',
    payloadHash: 'string',
    amount: 'string',
    payTo: 'string',
    status: 'string',
    attempts: NUMBER,
    isInDoubt: 'bool',
    reason: STRING_OR_NULL,
    transaction: STRING_OR_NULL,
    createdAt: 'date',
    settledAt: DATE_OR_NULL,
  }),
  indexes: [
    // findClaimed; one turn at most for each, however many requests come at once
    {
      name: 'claim',
      key: { network: 1, asset: 1, payer: 1, nonce: 1 },
      unique: true,
      partialFilterExpression: { isClaimed: true },
    },
    // findNamed: the same for the name that a payer gave it
    {
      name: 'identifier',
      key: { agentId: 1, payer: 1, identifier: 1 },
      unique: true,
      partialFilterExpression: { isClaimed: true, identifier: { $exists: true } },
    },
    // listPayments: those of an agent, newest first
    { name: 'agent_created', key: { agentId: 1, createdAt: -1, _id: -1 } },
  ],
});

export const facilitatorBalances = collection<FacilitatorBalance>({
  schema: shape({ _id: 'string', amount: 'string' }),
  indexes: [],
});

export const facilitatorTransfers = collection<FacilitatorTransfer>({
  schema: shape({ _id: 'string', payloadHash: 'string', transaction: 'string', amount: 'string', at: 'date' }),
  indexes: [],
});
