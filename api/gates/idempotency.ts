import { createHash } from 'node:crypto';
import type { Endpoint } from '../../contract/endpoint';
import { AppError } from '../../contract/errors';
import { IDEMPOTENCY_KEY_PATTERN, takesIdempotencyKey } from '../../contract/idempotency';
import { IDEMPOTENCY_BODY_BYTES_MAX } from '../../contract/limits';
import type { Logger } from '../../platform/logger';
import type { Claim, IdempotencyStore, KeptAnswer } from '../../store/schema/idempotency';
import type { ApiContext, ApiMiddleware } from '../http/state';
import { toAppError, writeError } from '../http/errors';

/**
 * `Idempotency-Key` (conventions.md §8): the first use runs the request and keeps its final answer for a day, a repeat
 * gets that answer without running anything. Stands after authentication, so that a replay needs a valid key of an agent
 * that is not suspended, and before everything that counts or validates. Without the header it costs one property read.
 *
 * The answer is kept before it is sent: a caller that got it and repeats gets it again. When the store does not answer,
 * the request is served as though no key was sent. Null: the header means nothing to this endpoint.
 */
export function idempotency(endpoint: Endpoint, deps: { store: IdempotencyStore; log: Logger }): ApiMiddleware | null {
  if (!takesIdempotencyKey(endpoint)) return null;
  return async (ctx, next) => {
    const key = ctx.req.headers['idempotency-key'];
    const { agent } = ctx.state;
    if (key === undefined || agent === null) return next();
    if (typeof key !== 'string' || !IDEMPOTENCY_KEY_PATTERN.test(key)) throw new AppError('IDEMPOTENCY_KEY_INVALID');
    const print = fingerprint(ctx.method, ctx.state.path, await ctx.state.readBytes());
    const hold = await openOnFailure(deps.log, deps.store.claim(agent._id, key, print));
    if (hold?.kind === 'conflict') throw new AppError('IDEMPOTENCY_KEY_CONFLICT');
    if (hold?.kind === 'running') throw new AppError('IDEMPOTENT_IN_PROGRESS');
    if (hold?.kind === 'done') return replay(ctx, hold.answer);
    if (hold === null) return next();
    await runOnce(ctx, next, hold, deps);
  };
}

function fingerprint(method: string, path: string, body: Buffer): Buffer {
  return createHash('sha256').update(`${method}\0${path}\0`).update(body).digest();
}

/** Runs the request; its final answer is kept, any other outcome frees the key. */
async function runOnce(
  ctx: ApiContext,
  next: () => Promise<unknown>,
  { id, token }: Extract<Claim, { kind: 'claimed' }>,
  { store, log }: { store: IdempotencyStore; log: Logger },
): Promise<void> {
  try {
    await next();
  } catch (error) {
    const refusal = toAppError(error);
    if (!isFinal(refusal.status, refusal.code)) {
      await openOnFailure(log, store.release(id, token));
      throw error;
    }
    writeError(ctx, refusal);
  }
  const answer = answerOf(ctx);
  const isKept = answer !== null && isFinal(answer.status);
  await openOnFailure(log, isKept ? store.complete(id, token, answer) : store.release(id, token));
}

/** Answers that a repeat may change by waiting. */
const PASSING = new Set([408, 425, 429]);

/**
 * A refusal of the caller's key or state is never final, even when a handler finds it after the pipeline did not: the
 * caller may come back with the key that replaced it.
 */
function isFinal(status: number, code?: string): boolean {
  return status < 500 && status !== 401 && !PASSING.has(status) && code !== 'SUSPENDED';
}

/** Not part of the answer: the connection's, this request's, or set anew by the pipeline. */
const NOT_KEPT = /^(content-length|transfer-encoding|connection|x-request-id|date|vary|access-control-.*)$/;

/** The answer that `ctx` holds, or null for one that is too large to keep or no plain text or bytes. */
function answerOf(ctx: ApiContext): KeptAnswer | null {
  const content: unknown = ctx.body;
  if (typeof content !== 'string' && !Buffer.isBuffer(content)) return null;
  const body = Buffer.from(content);
  if (body.length > IDEMPOTENCY_BODY_BYTES_MAX) return null;
  const headers = Object.entries(ctx.response.headers).flatMap(([name, value]): KeptAnswer['headers'] =>
    value === undefined || NOT_KEPT.test(name) ? [] : [[name, typeof value === 'number' ? String(value) : value]],
  );
  return { status: ctx.status, headers, body };
}

function replay(ctx: ApiContext, answer: KeptAnswer): void {
  ctx.status = answer.status;
  ctx.body = answer.body;
  // After the body, which would set a type of its own.
  for (const [name, value] of answer.headers) ctx.set(name, value);
  ctx.set('Idempotent-Replay', 'true');
}

/** The store's answer, or null when it has none. */
async function openOnFailure<T>(log: Logger, work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    log.warn({ event: 'idempotency.open', err: error });
    return null;
  }
}
