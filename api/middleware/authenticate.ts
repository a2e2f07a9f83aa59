import { AppError } from '../../contract/errors';
import { hashApiKey } from '../../platform/ids';
import { suspensionReason } from '../../domain/enforcement';
import type { AgentReader } from '../../store/agents';
import type { Agent } from '../../store/collections/agents';
import type { ApiMiddleware } from '../state';

/** Scheme in any case, exactly one space, the token verbatim (conventions.md D-4). */
const BEARER = /^bearer ([^\s]+)$/i;

/** The API key of an `Authorization` header, or null when it is none. */
export function bearerKey(header: string): string | null {
  return BEARER.exec(header)?.[1] ?? null;
}

/** What a suspended caller is told. */
export function suspended({ statusSource }: Pick<Agent, 'statusSource'>): AppError {
  return new AppError('SUSPENDED', { reason: suspensionReason(statusSource) });
}

/**
 * Resolves the key on every request, then the account's state: nothing that could serve an old key is cached. Where the
 * write itself proves the caller, one that is known from before goes on without the look-up, which is a sixth of a lone
 * send; whatever is not proved then is answered by `callEndpoint` only after `ctx.state.lookUpAgent`.
 */
export function authenticate(agents: AgentReader): ApiMiddleware {
  return async (ctx, next) => {
    ctx.state.agent = null;
    ctx.state.isRecalled = false;
    const { auth, provesCaller } = ctx.state.route?.endpoint ?? { auth: 'none' };
    if (auth === 'none' || auth === 'owner') return next();
    // A header that is there must hold: nobody is silently anonymous.
    if (auth === 'optional' && ctx.req.headers.authorization === undefined) return next();
    const key = bearerKey(ctx.get('authorization'));
    if (key === null) throw new AppError('UNAUTHORIZED');
    const hash = hashApiKey(key);
    ctx.state.lookUpAgent = async () => {
      const agent = await agents.findByKeyHash(hash);
      if (agent === null || agent.status === 'deleted') throw new AppError('UNAUTHORIZED');
      if (agent.status === 'suspended' && auth !== 'any-status') throw suspended(agent);
      return agent;
    };
    const recalled = provesCaller === true ? agents.recallByKeyHash(hash) : null;
    ctx.state.isRecalled = recalled !== null;
    ctx.state.agent = recalled ?? (await ctx.state.lookUpAgent());
    await next();
  };
}
