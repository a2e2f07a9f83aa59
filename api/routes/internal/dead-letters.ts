import { deadLettersQuerySchema, listDeadLetters, replayDeadLetter } from '../../../contract/dead-letters';
import { AppError } from '../../../contract/errors';
import type { Logger } from '../../../platform/logger';
import * as store from '../../../store/webhooks/attempts/dead-letters';
import type { Database } from '../../../store/schema/database';
import { operatorOf } from '../../http/operator';
import { publicRoute, type Reply, type RequestContext, type Route } from '../../http/route';

export interface DeadLetterDeps {
  database: Database;
  log: Logger;
}

/** Operators and deliveries that were given up: webhooks.md §8; the gate is `opsAuth`, before routing. */
export function deadLetterRoutes(deps: DeadLetterDeps): Route[] {
  return [
    publicRoute(listDeadLetters, (ctx) => list(ctx, deps)),
    publicRoute(replayDeadLetter, (ctx) => replay(ctx, deps)),
  ];
}

async function list(ctx: RequestContext, { database }: DeadLetterDeps): Promise<Reply> {
  const { before, limit } = ctx.validate(deadLettersQuerySchema, Object.fromEntries(ctx.query));
  const page = await store.listDeadLetters(database, {
    limit,
    now: ctx.now,
    ...(before === undefined ? {} : { before: cursorOf(before) }),
  });
  const last = page.length < limit ? undefined : page.at(-1)?.delivery;
  const next_before = last === undefined ? null : `${iso(last.deadAt) ?? ''},${last._id}`;
  return { status: 200, body: { dead_letters: page.map(present), next_before } };
}

async function replay(ctx: RequestContext, { database, log }: DeadLetterDeps): Promise<Reply> {
  const id = ctx.params['id'] ?? '';
  const replayed = await store.replayDeadLetter(database, { id, now: ctx.now });
  switch (replayed.kind) {
    case 'replayed':
      log.info({ event: 'webhook.replayed', deliveryId: id, as: replayed.id, operator: operatorOf(ctx).id });
      return { status: 202, body: { id: replayed.id, replay_of: id } };
    case 'unknown':
      throw new AppError('NOT_FOUND', undefined, undefined, 'No such dead letter');
    case 'replayed_before':
      throw new AppError('FORBIDDEN', undefined, undefined, 'This dead letter was replayed already', 409);
    case 'webhook_inactive':
      throw new AppError('FORBIDDEN', undefined, undefined, 'Its webhook is deleted or inactive', 409);
  }
}

function present({ delivery, hasWebhook }: store.DeadLetter) {
  return {
    id: delivery._id,
    webhook_id: hasWebhook ? delivery.webhookId : null,
    agent_id: delivery.agentId,
    event: delivery.event,
    event_id: delivery.eventId,
    payload: JSON.parse(delivery.body) as unknown,
    attempts: delivery.attempts,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    first_attempt_at: iso(delivery.firstAttemptAt),
    last_attempt_at: iso(delivery.lastAttemptAt),
    dead_at: iso(delivery.deadAt),
    replayed_at: iso(delivery.replayedAt),
    replayed_as_id: delivery.replayedAsId,
  };
}

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

/** `<time>,<delivery id>`, already checked. A day that no calendar has is as bad as no time. */
function cursorOf(before: string): { at: Date; id: string } {
  const [time = '', id = ''] = before.split(',');
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) throw new AppError('VALIDATION_ERROR');
  return { at, id };
}
