import type { Endpoint } from './endpoint';
import {
  enforcedQuerySchema,
  enforcedSchema,
  enforcementActionSchema,
  enforcementSchema,
  holdSchema,
  operatorPageSchema,
  reportsSchema,
} from './enforcement';

/** Operators' endpoints of enforcement: outside of the public surface (conventions.md §17). */

const state = { 200: { description: 'The state after it', schema: enforcementSchema } };
const internal = { tag: 'Internal', auth: 'none', isInternal: true } as const;

export const getEnforcement: Endpoint = {
  ...internal,
  method: 'GET',
  path: '/internal/agents/:handle/enforcement',
  operationId: 'getEnforcement',
  summary: 'State, counts, next evaluation, pending evaluations and history of an agent',
  request: { query: operatorPageSchema },
  responses: state,
  errors: ['AGENT_NOT_FOUND'],
};

export const listEnforced: Endpoint = {
  ...internal,
  method: 'GET',
  path: '/internal/agents',
  operationId: 'listEnforced',
  summary: 'Restricted or suspended agents by handle',
  request: { query: enforcedQuerySchema },
  responses: { 200: { description: 'A page and how many there are', schema: enforcedSchema } },
  errors: ['VALIDATION_ERROR'],
};

export const listReports: Endpoint = {
  ...internal,
  method: 'GET',
  path: '/internal/agents/:handle/reports',
  operationId: 'listReports',
  summary: 'Reports about an agent, newest first, with reporter and reason',
  request: { query: operatorPageSchema },
  responses: { 200: { description: 'A page', schema: reportsSchema } },
  errors: ['AGENT_NOT_FOUND'],
};

const act = (verb: 'suspend' | 'restrict' | 'reinstate', summary: string): Endpoint => ({
  ...internal,
  method: 'POST',
  path: `/internal/agents/:handle/${verb}`,
  operationId: `${verb}Agent`,
  summary,
  request: { body: enforcementActionSchema },
  responses: state,
  errors: ['VALIDATION_ERROR', 'AGENT_NOT_FOUND', 'SYSTEM_AGENT_PROTECTED'],
});

export const suspendAgent = act('suspend', 'Suspend an agent; only an operator can lift it');
export const restrictAgent = act('restrict', 'Restrict an agent until an operator lifts it');
export const reinstateAgent = act('reinstate', 'Make an agent active; older blocks and reports count no more');

export const holdAgent: Endpoint = {
  ...act('suspend', ''),
  path: '/internal/agents/:handle/hold',
  operationId: 'holdAgent',
  summary: 'Whether the present state may lift by itself',
  request: { body: holdSchema },
};

export const evaluateAgent: Endpoint = {
  ...internal,
  method: 'POST',
  path: '/internal/agents/:handle/evaluate',
  operationId: 'evaluateAgent',
  summary: 'Recount now, without a worker',
  responses: state,
  errors: ['AGENT_NOT_FOUND'],
};
