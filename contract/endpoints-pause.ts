import type { Endpoint } from './endpoint';
import { pausedSchema, pauseSchema, releaseViewSchema } from './pause';

/** dashboard.md §8: an owner's pause, and what operators see of its end. */

export const pauseAgent: Endpoint = {
  tag: 'Dashboard',
  isInternal: true,
  method: 'POST',
  path: '/dashboard/agents/:handle/pause',
  operationId: 'pauseAgent',
  summary: 'Stop a claimed agent from sending, or from receiving too; in force everywhere with the answer',
  auth: 'owner',
  request: { body: pauseSchema },
  responses: { 200: { description: 'The agent is paused so', schema: pausedSchema } },
  errors: ['FORBIDDEN', 'OWNER_NOT_FOUND', 'AGENT_NOT_FOUND', 'SERVICE_UNAVAILABLE'],
};

export const unpauseAgent: Endpoint = {
  tag: 'Dashboard',
  isInternal: true,
  method: 'POST',
  path: '/dashboard/agents/:handle/unpause',
  operationId: 'unpauseAgent',
  summary: 'Lift the pause of a claimed agent; what was held back is released',
  auth: 'owner',
  responses: { 200: { description: 'The agent is not paused', schema: pausedSchema } },
  errors: ['FORBIDDEN', 'OWNER_NOT_FOUND', 'AGENT_NOT_FOUND', 'SERVICE_UNAVAILABLE'],
};

export const PAUSE_ENDPOINTS: Endpoint[] = [pauseAgent, unpauseAgent];

export const getRelease: Endpoint = {
  tag: 'Internal',
  isInternal: true,
  method: 'GET',
  path: '/internal/agents/:handle/release',
  operationId: 'getRelease',
  summary: 'How far the release of what a pause held back is',
  auth: 'none',
  responses: { 200: { description: 'Its state', schema: releaseViewSchema } },
  errors: ['AGENT_NOT_FOUND'],
};
