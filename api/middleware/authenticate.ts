import { AppError } from '../../contract/errors';
import { hashApiKey } from '../../platform/ids';
import type { AgentReader } from '../../store/agents';
import type { ApiMiddleware } from '../state';

/** Scheme in any case, exactly one space, the token verbatim (conventions.md D-4). */
const BEARER = /^bearer ([^\s]+)$/i;

/** The API key of an `Authorization` header, or null when it is none. */
export function bearerKey(header: string): string | null {
  return BEARER.exec(header)?.[1] ?? null;
}

/** What a suspended caller is told. */
export function suspended(): AppError {
  return new AppError('SUSPENDED', { reason: 'community_enforcement' });
}

/** Resolves the key on every request: nothing that could serve an old key is cached. Then the account's state. */
export function authenticate(agents: AgentReader): ApiMiddleware {
  return async (ctx, next) => {
    ctx.state.agent = null;
    const auth = ctx.state.route?.endpoint.auth ?? 'none';
    if (auth === 'none') return next();
    const key = bearerKey(ctx.get('authorization'));
    const agent = key === null ? null : await agents.findByKeyHash(hashApiKey(key));
    if (agent === null || agent.status === 'deleted') throw new AppError('UNAUTHORIZED');
    ctx.state.agent = agent;
    if (agent.status === 'suspended' && auth !== 'any-status') throw suspended();
    await next();
  };
}
