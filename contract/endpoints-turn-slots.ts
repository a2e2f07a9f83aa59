import type { Endpoint } from './endpoint';
import { putTurnSlotsSchema, turnSlotsSchema } from './turn-slots';

/** gateway.md §9.2: an owner says how many turns its agent takes at once. */
const owners = { tag: 'Gateway', auth: 'principal', path: '/api/agents/:name/turn-slots' } as const;

export const getTurnSlots: Endpoint = {
  ...owners,
  method: 'GET',
  operationId: 'getTurnSlots',
  summary: 'How many turns the agent takes at once, how many it has, and how many wait',
  responses: { 200: { description: 'As it is now', schema: turnSlotsSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND'],
};

export const putTurnSlots: Endpoint = {
  ...owners,
  method: 'PUT',
  operationId: 'putTurnSlots',
  summary: 'Set how many turns the agent takes at once',
  request: { body: putTurnSlotsSchema },
  responses: { 200: { description: 'As it is from now on', schema: turnSlotsSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND'],
};

export const TURN_SLOTS_ENDPOINTS: Endpoint[] = [getTurnSlots, putTurnSlots];
