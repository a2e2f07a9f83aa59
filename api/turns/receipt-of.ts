import { createHash } from 'node:crypto';
import { AppError } from '../../contract/errors';
import { IDEMPOTENCY_KEY_PATTERN } from '../../contract/idempotency';
import type { TurnReceipt } from '../../store/gateway/receipts';
import type { RequestContext } from '../http/route';

/**
 * What names this call when it is made again with the same `Idempotency-Key`; null without one (gateway.md §9.4).
 * @param caller the key of its principal
 * @throws AppError IDEMPOTENCY_KEY_INVALID
 */
export async function receiptOf(
  ctx: Pick<RequestContext, 'header' | 'method' | 'path' | 'readBytes'>,
  caller: string,
): Promise<TurnReceipt | null> {
  const key = ctx.header('idempotency-key');
  if (key === '') return null;
  if (!IDEMPOTENCY_KEY_PATTERN.test(key)) throw new AppError('IDEMPOTENCY_KEY_INVALID');
  const call = [caller, ctx.method, ctx.path, key].join('\0');
  const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
  return { _id: sha256(call), bodyHash: sha256(await ctx.readBytes()) };
}
