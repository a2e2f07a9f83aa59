import { randomUUID } from 'node:crypto';
import { listWebhookEvents, recoverWebhook } from '../../../contract/endpoints-webhook-log';
import { AppError } from '../../../contract/errors';
import { recoverSchema, webhookEventsQuerySchema } from '../../../contract/webhook-log';
import { presentRow } from '../../../presenters/message';
import { presentPastEvent, presentWebhookEvent } from '../../../presenters/webhook-event';
import type { AgentReader } from '../../../store/agents/agents';
import { findInboxIn, loadRows } from '../../../store/inbox/inbox';
import type { Webhook } from '../../../store/schema/collections/webhooks';
import type { Database } from '../../../store/schema/database';
import { eventIdOf, messageEventKey } from '../../../store/schema/webhook-ids';
import { lastOf, readLogged } from '../../../store/webhooks/log/event-log';
import type { LogPlace } from '../../../store/webhooks/recovery/owed';
import {
  readHappenings,
  startOf,
  type HappeningsCursor,
  type WebhookHappening,
} from '../../../store/webhooks/recovery/read-happenings';
import { countMissing, requestRecovery } from '../../../store/webhooks/recovery/request-recovery';
import { knownSince, type RecoveryScope } from '../../../store/webhooks/recovery/scope';
import { findWebhook } from '../../../store/webhooks/webhooks';
import { happeningsCursorOf, parseHappeningsCursor } from '../../http/cursors';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { byAgent, type WebhookCall } from '../../http/webhook-call';

export interface WebhookRecoveryDeps {
  database: Database;
  agents: AgentReader;
}

/** Looks of one call: a page may be short, the next one goes on where it ended. */
const LOOKS_MAX = 20;

/** What an endpoint missed: webhooks.md §11.2. */
export function webhookRecoveryRoutes(deps: WebhookRecoveryDeps): Route[] {
  return [
    agentRoute(recoverWebhook, (ctx) => recover(byAgent(ctx), deps)),
    agentRoute(listWebhookEvents, (ctx) => listEvents(ctx, deps)),
  ];
}

/** Has sent what an endpoint missed. @throws AppError NOT_FOUND, VALIDATION_ERROR, FORBIDDEN (409); as `withTransactionBy` */
export async function recover(ctx: WebhookCall, { database }: Pick<WebhookRecoveryDeps, 'database'>): Promise<Reply> {
  const { since, until, status = null } = ctx.validate(recoverSchema, await ctx.readBody());
  if (until !== undefined && until <= since) throw emptyTime();
  const webhook = await getWebhook(ctx, database);
  if (!webhook.active) throw inactive();
  // What happens from now on is delivered as always.
  const scope: RecoveryScope = { since, until: until === undefined || until > ctx.now ? ctx.now : until, status };
  const matched = await countMissing(database, webhook, scope, ctx.now);
  const jobId = randomUUID();
  const asked = { webhook, jobId, scope, matched, caller: ctx.caller, now: ctx.now };
  if (!(await requestRecovery(database, asked))) throw inactive();
  return { status: 202, body: { job_id: jobId, matched } };
}

async function listEvents(ctx: AgentContext, deps: WebhookRecoveryDeps): Promise<Reply> {
  const webhook = await getWebhook(ctx, deps.database);
  const { since, limit, cursor } = ctx.validate(webhookEventsQuerySchema, Object.fromEntries(ctx.query));
  const from = cursor === undefined || cursor === '' ? null : parseHappeningsCursor(cursor);
  const time = { since: knownSince(since ?? new Date(0), ctx.now), until: ctx.now };
  return ctx.answerPage(async () => {
    const page = await readPage(ctx, deps, { webhook, from, time, limit });
    const events = await presentAll(ctx, deps, page.found);
    const next = page.isMore ? happeningsCursorOf(page.cursor) : null;
    return `{"events":[${events.join(',')}],"next_cursor":${JSON.stringify(next)}}`;
  });
}

interface EventsPage {
  webhook: Webhook;
  from: HappeningsCursor | null;
  time: { since: Date; until: Date };
  limit: number;
}

async function readPage(
  ctx: AgentContext,
  { database }: WebhookRecoveryDeps,
  { webhook, from, time, limit }: EventsPage,
): Promise<{ found: WebhookHappening[]; cursor: HappeningsCursor; isMore: boolean }> {
  // A fully paused agent sees no inbox, here neither.
  const isOfMessages = webhook.events.includes('message.new') && ctx.agent.pausedByOwner !== 'full';
  const inbox = isOfMessages ? await findInboxIn(database, ctx.agent._id) : null;
  const readLog = (after: LogPlace, count: number) =>
    readLogged(database, webhook._id, { after, limit: count, now: ctx.now });
  const found: WebhookHappening[] = [];
  let cursor = from ?? (await startOf(database, ctx.agent._id, inbox, time));
  let isMore = true;
  for (let looks = 0; isMore && found.length < limit && looks < LOOKS_MAX; looks += 1) {
    const wantedMax = limit - found.length;
    const page = await readHappenings(database, webhook, { cursor, time, inbox, wantedMax, readLog });
    found.push(...page.found);
    ({ cursor, isMore } = page);
  }
  return { found, cursor, isMore };
}

/** As JSON texts, in their order. */
async function presentAll(
  ctx: AgentContext,
  { database, agents }: WebhookRecoveryDeps,
  found: WebhookHappening[],
): Promise<string[]> {
  const last = await lastOf(
    database,
    found.flatMap((one) => (one.kind === 'log' ? one.delivery : [])),
  );
  const envelopes = found.flatMap((one) => (one.kind === 'inbox' ? one.envelope : []));
  const rows = await loadRows(database, agents, ctx.agent, envelopes);
  const byMessage = new Map(rows.map((row) => [row.message._id, row]));
  return found.flatMap((one) => {
    if (one.kind === 'log') return presentPastEvent(one.delivery.body, last.get(one.delivery._id) ?? one.delivery);
    const row = byMessage.get(one.envelope.messageId);
    if (row === undefined) return [];
    const eventId = eventIdOf(messageEventKey(row.message._id, ctx.agent._id));
    const told = { event: 'message.new' as const, at: row.message.createdAt, data: presentRow(row), eventId };
    return presentPastEvent(presentWebhookEvent(told), null);
  });
}

async function getWebhook(ctx: AgentContext, database: Database): Promise<Webhook> {
  const webhook = await findWebhook(database, ctx.agent._id, ctx.params['id'] ?? '');
  if (webhook === null) throw new AppError('NOT_FOUND', undefined, undefined, 'Webhook not found');
  return webhook;
}

const inactive = (): AppError => new AppError('FORBIDDEN', undefined, undefined, 'This webhook is inactive', 409);

function emptyTime(): AppError {
  const fieldErrors = { until: ['Expected a time after since'] };
  return new AppError('VALIDATION_ERROR', { formErrors: [], fieldErrors });
}
