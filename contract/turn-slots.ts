import { z } from 'zod';
import { AGENT_TURNS_MAX, AGENT_TURNS_SETTABLE_MAX } from './limits';

/** gateway.md §9.2: how many turns an agent takes at once, as its owner says. */
export const putTurnSlotsSchema = z.object({
  max: z.int().min(1).max(AGENT_TURNS_SETTABLE_MAX).meta({ default: AGENT_TURNS_MAX }),
});

const count = z.int();

export const turnSlotsSchema = z
  .object({ max: count, running: count, waiting: z.object({ chats: count, tasks: count }) })
  .meta({ id: 'TurnSlots' });

export type TurnSlotsView = z.infer<typeof turnSlotsSchema>;
