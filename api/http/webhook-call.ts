import type { Caller, OwnerCaller } from '../../store/schema/prove-caller';
import type { AgentContext } from './route';

/**
 * A call that changes something of an agent's webhooks: the agent's own, or one of the owner that has claimed it. What is
 * written proves `caller` in its commit.
 */
export type WebhookCall = AgentContext & { caller: Caller | OwnerCaller };

/** The agent's own call. */
export const byAgent = (ctx: AgentContext): WebhookCall => ({ ...ctx, caller: ctx.agent });
