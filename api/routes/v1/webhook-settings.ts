import { randomBytes } from 'node:crypto';
import {
  revokePreviousKeyPair as revokePreviousKeyPairEndpoint,
  revokePreviousSecret as revokePreviousSecretEndpoint,
  rotateWebhookKeyPair,
  rotateWebhookSecret,
  updateWebhook as updateWebhookEndpoint,
} from '../../../contract/endpoints-webhook-settings';
import { AppError } from '../../../contract/errors';
import {
  rotateKeyPairSchema,
  rotateSecretSchema,
  updateWebhookSchema,
  type WebhookFilterInput,
} from '../../../contract/webhook-settings';
import type { WebhookFilter } from '../../../domain/webhook-filter';
import { presentPublicKey, presentWebhook } from '../../../presenters/webhook';
import type { SealedKeyPair } from '../../../store/schema/collections/webhooks';
import {
  revokePreviousKeyPair,
  revokePreviousSecret,
  rotateKeyPair,
  rotateSecret,
} from '../../../store/webhooks/rotate-secret';
import { updateWebhook } from '../../../store/webhooks/update-webhook';
import { findWebhook } from '../../../store/webhooks/webhooks';
import { fieldFault } from '../../http/field-fault';
import { requireReachable } from '../../http/reachable-url';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { byAgent, type WebhookCall } from '../../http/webhook-call';
import { requireAllowed, webhookNotFound } from '../../http/webhook-faults';
import type { WebhookDeps } from './webhooks';

/** What agents do with a webhook that they have: webhooks.md §11.3, §11.4. */
export function webhookSettingsRoutes(deps: WebhookDeps): Route[] {
  return [
    agentRoute(updateWebhookEndpoint, (ctx) => update(ctx, deps)),
    agentRoute(rotateWebhookSecret, (ctx) => rotate(ctx, deps)),
    agentRoute(revokePreviousSecretEndpoint, (ctx) => revoke(ctx, deps)),
    agentRoute(rotateWebhookKeyPair, (ctx) => rotateKey(ctx, deps)),
    agentRoute(revokePreviousKeyPairEndpoint, (ctx) => revokeKey(ctx, deps)),
  ];
}

async function update(ctx: AgentContext, { database, secrets, urlRules }: WebhookDeps): Promise<Reply> {
  const body = ctx.validate(updateWebhookSchema, await ctx.readBody());
  const { url, events, active, description, filter, rate_limit, ordering, batching, ed25519_signature } = body;
  if (events !== undefined) requireAllowed(ctx.agent, events);
  const own = { agentId: ctx.agent._id, id: ctx.params.id ?? '' };
  // Name servers are asked only about what can be changed.
  if ((await findWebhook(database, own.agentId, own.id)) === null) throw webhookNotFound();
  if (url !== undefined) await requireReachable('url', url, urlRules);
  const changes = {
    url,
    events,
    active,
    description: description === '' ? null : description,
    filter: filter === undefined || filter === null ? filter : filterOf(filter),
    rateLimit: rate_limit,
    ordering,
    batching,
    keyPair: keyPairOf(ed25519_signature, () => secrets.newKeyPair(own.id)),
  };
  const webhook = await updateWebhook(database, { ...own, changes, at: ctx.now, caller: ctx.agent });
  if (webhook === null) throw webhookNotFound();
  return { status: 200, body: presentWebhook(webhook, secrets.hintOf(webhook), ctx.now) };
}

/** Null = none any more, undefined = as it is. */
function keyPairOf(isWanted: boolean | undefined, make: () => SealedKeyPair): SealedKeyPair | null | undefined {
  if (isWanted === undefined) return undefined;
  return isWanted ? make() : null;
}

/** Null when it has no condition: it lets everything through. */
function filterOf(given: WebhookFilterInput): WebhookFilter | null {
  const filter: WebhookFilter = {
    ...(given.conversation_ids === undefined ? {} : { conversationIds: given.conversation_ids }),
    ...(given.senders === undefined ? {} : { senders: given.senders }),
    ...(given.message_types === undefined ? {} : { messageTypes: given.message_types }),
    ...(given.mentions_me === true ? { mentionsMe: true } : {}),
  };
  return Object.keys(filter).length === 0 ? null : filter;
}

async function rotate(ctx: AgentContext, deps: WebhookDeps): Promise<Reply> {
  const isEmpty = (await ctx.readText()) === '';
  return rotateTo(byAgent(ctx), ctx.validate(rotateSecretSchema, isEmpty ? {} : await ctx.readBody()), deps);
}

/**
 * Makes a secret the one that attempts are signed with, for the agent and for its owner.
 * @param wanted without a secret it is a fresh one
 * @throws AppError NOT_FOUND, VALIDATION_ERROR, ROTATION_IN_PROGRESS; as `withTransactionBy`
 */
export async function rotateTo(
  ctx: WebhookCall,
  wanted: { overlap_seconds: number; force: boolean; secret?: string | undefined },
  { database, secrets }: WebhookDeps,
): Promise<Reply> {
  const own = { agentId: ctx.agent._id, id: ctx.params.id ?? '' };
  const webhook = await findWebhook(database, own.agentId, own.id);
  if (webhook === null) throw webhookNotFound();
  const secret = wanted.secret ?? randomBytes(32).toString('hex');
  if (secrets.isOf(webhook, secret)) throw fieldFault('secret', 'Expected another secret than the one of now');
  const rotation = await rotateSecret(database, {
    ...own,
    secret: secrets.seal(own.id, secret),
    overlapMs: wanted.overlap_seconds * 1_000,
    force: wanted.force,
    at: ctx.now,
    caller: ctx.caller,
  });
  if (rotation.kind !== 'rotated') {
    throw rotation.kind === 'unknown' ? webhookNotFound() : new AppError('ROTATION_IN_PROGRESS');
  }
  const previous_secret_expires_at = rotation.previousExpiresAt?.toISOString() ?? null;
  return { status: 200, body: { id: own.id, secret, previous_secret_expires_at } };
}

async function revoke(ctx: AgentContext, { database }: WebhookDeps): Promise<Reply> {
  const own = { agentId: ctx.agent._id, id: ctx.params.id ?? '', at: ctx.now, caller: ctx.agent };
  if (!(await revokePreviousSecret(database, own))) throw webhookNotFound();
  return { status: 200, body: { ok: true } };
}

async function rotateKey(ctx: AgentContext, { database, secrets }: WebhookDeps): Promise<Reply> {
  const isEmpty = (await ctx.readText()) === '';
  const { overlap_seconds, force } = ctx.validate(rotateKeyPairSchema, isEmpty ? {} : await ctx.readBody());
  const id = ctx.params.id ?? '';
  const keyPair = secrets.newKeyPair(id);
  const rotation = await rotateKeyPair(database, {
    agentId: ctx.agent._id,
    id,
    keyPair,
    overlapMs: overlap_seconds * 1_000,
    force,
    at: ctx.now,
    caller: ctx.agent,
  });
  switch (rotation.kind) {
    case 'rotated': {
      const previous_public_key_expires_at = rotation.previousExpiresAt?.toISOString() ?? null;
      return { status: 200, body: { id, public_key: presentPublicKey(keyPair), previous_public_key_expires_at } };
    }
    case 'unknown':
      throw webhookNotFound();
    case 'absent':
      throw new AppError('FORBIDDEN', undefined, undefined, 'This webhook has no ed25519 signature', 409);
    case 'in_progress':
      throw new AppError('ROTATION_IN_PROGRESS');
  }
}

async function revokeKey(ctx: AgentContext, { database }: WebhookDeps): Promise<Reply> {
  const own = { agentId: ctx.agent._id, id: ctx.params.id ?? '', at: ctx.now, caller: ctx.agent };
  if (!(await revokePreviousKeyPair(database, own))) throw webhookNotFound();
  return { status: 200, body: { ok: true } };
}
