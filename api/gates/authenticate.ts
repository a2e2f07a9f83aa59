import type { Endpoint } from '../../contract/endpoint';
import { AppError } from '../../contract/errors';
import { hashApiKey } from '../../platform/ids';
import type { AgentReader } from '../../store/agents/agents';
import { bearerKey } from '../http/bearer-key';
import { suspended } from '../http/refusals';
import type { ApiMiddleware } from '../http/state';

/**
 * Resolves the key on every request, then the account's state: nothing that could serve an old key is cached. Where the
 * write itself proves the caller, a cached one goes on without the look-up, which is a sixth of a lone send; whatever is
 * not proved then is answered by `callHandler` only after `ctx.state.loadAgent`.
 */
export function authenticate({ auth, provesCaller }: Endpoint, agents: AgentReader): ApiMiddleware {
  return async (ctx, next) => {
    // A header that is there must hold: nobody is silently anonymous.
    if (auth === 'optional' && ctx.req.headers.authorization === undefined) return next();
    const key = bearerKey(ctx.get('authorization'));
    if (key === null) throw new AppError('UNAUTHORIZED');
    const hash = hashApiKey(key);
    ctx.state.loadAgent = async () => {
      const agent = await agents.findByKeyHash(hash);
      if (agent === null || agent.status === 'deleted') throw new AppError('UNAUTHORIZED');
      if (agent.status === 'suspended' && auth !== 'any-status') throw suspended(agent);
      return agent;
    };
    const cached = provesCaller === true ? agents.findCachedByKeyHash(hash) : null;
    ctx.state.isCachedCaller = cached !== null;
    ctx.state.agent = cached ?? (await ctx.state.loadAgent());
    await next();
  };
}
