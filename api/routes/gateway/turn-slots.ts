import { getTurnSlots, putTurnSlots } from '../../../contract/endpoints-turn-slots';
import { putTurnSlotsSchema, type TurnSlotsView } from '../../../contract/turn-slots';
import { loadSlots, setSlots } from '../../../store/gateway/agent-slots';
import type { GatewaySlots } from '../../../store/schema/collections/gateway';
import { gatewayRoute, type Route } from '../../http/route';
import type { GatewayDeps } from './gateway-deps';
import { requireOwned } from './require-owned';

/** Owners say how many turns their agents take at once: gateway.md §9.2. */
export function turnSlotRoutes(deps: GatewayDeps): Route[] {
  return [
    gatewayRoute(getTurnSlots, async (ctx) => {
      const agent = await requireOwned(ctx, deps, 'slots');
      return { status: 200, body: viewOf(await loadSlots(deps.database, agent._id)) };
    }),
    gatewayRoute(putTurnSlots, async (ctx) => {
      const { max } = ctx.validate(putTurnSlotsSchema, await ctx.readBody());
      const { _id: agentId } = await requireOwned(ctx, deps, 'slots');
      const { slots, begun } = await setSlots(deps.database, { agentId, max, at: ctx.now });
      for (const id of begun) deps.turns.hasSlot(id);
      return { status: 200, body: viewOf(slots) };
    }),
  ];
}

const viewOf = ({ max, running, chats, tasks }: Required<GatewaySlots>): TurnSlotsView => ({
  max,
  running: running.length,
  waiting: { chats, tasks },
});
