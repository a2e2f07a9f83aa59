import { z } from 'zod';
import type { Endpoint } from './endpoint';
import { AGENT_TURNS_PAGE } from './limits';
import { messageSchema } from './messages';
import { clamped } from './paging';
import { okSchema } from './social';
import {
  agentTurnSchema,
  agentTurnsSchema,
  completeTurnSchema,
  failTurnSchema,
  takenEventsSchema,
  turnEventsSchema,
} from './turn-frames';

/** gateway.md §8.3: the frames of turns for agents without a socket. */
const turns = { tag: 'Gateway turns', auth: 'agent' } as const;

export const agentTurnsQuerySchema = z.object({
  status: z
    .string()
    .optional()
    .meta({ examples: ['open'] }),
  limit: clamped({ ...AGENT_TURNS_PAGE, min: 1 }),
});

export const listAgentTurns: Endpoint = {
  ...turns,
  method: 'GET',
  path: '/v1/gateway/turns',
  operationId: 'listAgentTurns',
  summary: 'The turns of users that the agent has not answered yet, oldest first',
  request: { query: agentTurnsQuerySchema },
  responses: { 200: { description: 'The open turns', schema: agentTurnsSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const getAgentTurn: Endpoint = {
  ...turns,
  method: 'GET',
  path: '/v1/gateway/turns/:id',
  operationId: 'getAgentTurn',
  summary: 'One turn of a user with the agent',
  responses: { 200: { description: 'The turn', schema: agentTurnSchema } },
  errors: ['EXECUTION_NOT_FOUND'],
};

export const addTurnEvents: Endpoint = {
  ...turns,
  method: 'POST',
  path: '/v1/gateway/turns/:id/events',
  operationId: 'addTurnEvents',
  summary: 'Say something of a turn while working on it: deltas of the answer, tools, progress',
  request: { body: turnEventsSchema },
  responses: { 200: { description: 'How far the answer is durable', schema: takenEventsSchema } },
  errors: ['EXECUTION_NOT_FOUND', 'TURN_CLOSED', 'CONTENT_TOO_LARGE'],
};

export const completeAgentTurn: Endpoint = {
  ...turns,
  method: 'POST',
  path: '/v1/gateway/turns/:id/complete',
  operationId: 'completeAgentTurn',
  summary: 'Answer a turn with what was streamed, or with another text; after its end the answer is kept as late',
  request: { body: completeTurnSchema },
  responses: { 201: { description: 'The message that was stored, of several the last', schema: messageSchema } },
  errors: [
    'EXECUTION_NOT_FOUND',
    'CONTENT_TOO_LARGE',
    'AGENT_NOT_FOUND',
    'BLOCKED',
    'AGENT_PAUSED_BY_OWNER',
    'ATTACHMENT_NOT_FOUND',
    'ATTACHMENT_WRONG_SCOPE',
  ],
};

export const failAgentTurn: Endpoint = {
  ...turns,
  method: 'POST',
  path: '/v1/gateway/turns/:id/fail',
  operationId: 'failAgentTurn',
  summary: 'Say that a turn cannot be answered',
  request: { body: failTurnSchema },
  responses: { 200: { description: 'It has failed', schema: okSchema } },
  errors: ['EXECUTION_NOT_FOUND', 'TURN_CLOSED'],
};

export const AGENT_TURN_ENDPOINTS: Endpoint[] = [
  listAgentTurns,
  getAgentTurn,
  addTurnEvents,
  completeAgentTurn,
  failAgentTurn,
];
