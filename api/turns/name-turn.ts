import type { RequestContext } from '../http/route';
import type { BegunTurn } from './begin-turn';

/** Names the turn in the answer, also in a refusal that comes later: it goes on, and its caller finds it by its id. */
export function nameTurn(ctx: Pick<RequestContext, 'setHeaders'>, { execution, isReplay }: BegunTurn): void {
  ctx.setHeaders({
    'X-Execution-Id': execution._id,
    'X-Session-Id': execution.sessionId,
    'Cache-Control': 'no-store',
    ...(isReplay ? { 'X-Idempotent-Replay': 'true' } : {}),
  });
}
