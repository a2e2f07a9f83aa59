import { Binary } from 'mongodb';
import type { SecretKey } from '../../platform/config';
import { createSealer } from '../../platform/sealing';
import type { Agent } from '../schema/collections/agents';
import type { CallbackSigner, GatewayExecution } from '../schema/collections/gateway';
import type { SealedSecret } from '../schema/collections/webhooks';
import type { Database } from '../schema/database';
import { READ, SAFE_READ, WRITE } from '../schema/reads';

/** The secrets of callbacks, and their URLs, as they rest in the database (gateway.md §12.5). */
export interface CallbackSecrets {
  /** @param of what it is for, e.g. the id of a key or an owner: moved to another one it does not open */
  seal(of: string, secret: string): SealedSecret;
  /** @throws Error when the key that sealed it is not in `SECRET_KEYS` any more */
  open(of: string, sealed: SealedSecret): string;
}

export function createCallbackSecrets(secretKeys: SecretKey[]): CallbackSecrets {
  const sealer = createSealer('gateway-callback', secretKeys);
  return {
    seal: (of, secret) => {
      const { keyId, bytes } = sealer.seal(of, Buffer.from(secret));
      return { keyId, bytes: new Binary(bytes) };
    },
    open: (of, { keyId, bytes }) => sealer.open(of, { keyId, bytes: bytes.buffer }).toString(),
  };
}

/** Gives an owner another secret; callbacks are signed with it from then on. */
export async function setCallbackSecret(database: Database, ownerId: string, secret: SealedSecret): Promise<void> {
  await database.owners.updateOne({ _id: ownerId }, { $set: { callbackSecret: secret } }, WRITE);
}

/** The secret that a callback is signed with, sealed; null: its key was revoked, its owner has none or is gone. */
export async function findCallbackSecret(
  database: Database,
  { kind, id }: CallbackSigner,
): Promise<SealedSecret | null> {
  if (kind === 'key') return (await database.gatewayKeys.findOne({ _id: id }, READ))?.callbackSecret ?? null;
  return (await database.owners.findOne({ _id: id, deletedAt: null }, READ))?.callbackSecret ?? null;
}

/** What the URL of a callback is sealed for. */
export const urlOwner = ({ kind, id }: CallbackSigner): string => `url:${kind}:${id}`;

/** The end of a task that is to be told. */
export interface Callback {
  execution: GatewayExecution;
  agent: Pick<Agent, '_id' | 'handle' | 'displayName'>;
  url: SealedSecret;
  signer: CallbackSigner;
  /** Of the signer now. */
  secret: SealedSecret;
}

/** What is to be told of a task, and with which secret; null: nothing any more. */
export async function loadCallback(database: Database, executionId: string): Promise<Callback | null> {
  const execution = await database.gatewayExecutions.findOne({ _id: executionId }, SAFE_READ);
  if (execution?.callback === undefined) return null;
  const { url, signer } = execution.callback;
  const [agent, secret] = await Promise.all([
    database.agents.findOne({ _id: execution.agentId }, READ),
    findCallbackSecret(database, signer),
  ]);
  return agent === null || secret === null ? null : { execution, agent, url, signer, secret };
}
