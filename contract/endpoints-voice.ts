import type { Endpoint } from './endpoint';
import { gateway } from './endpoints-gateway';
import { startVoiceSchema, stopVoiceSchema, voiceStartedSchema, voiceStatusSchema, voiceStoppedSchema } from './voice';

/** gateway.md §7: people talk with agents. */

export const startVoice: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/agents/:name/voice/start',
  operationId: 'startVoice',
  summary: 'Call an agent; the answer says where the caller connects its socket',
  startsTurn: 'voice',
  request: { body: startVoiceSchema },
  responses: { 200: { description: 'The agent is called', schema: voiceStartedSchema } },
  errors: [
    'VALIDATION_ERROR',
    'FORBIDDEN',
    'INBOX_RESTRICTED',
    'AGENT_SUSPENDED',
    'AGENT_NOT_FOUND',
    'SESSION_NOT_FOUND',
    'SESSION_CLOSED',
    'VOICE_SESSION_EXISTS',
    'AGENT_UNAVAILABLE',
    'VOICE_UNAVAILABLE',
  ],
};

export const stopVoice: Endpoint = {
  ...gateway,
  method: 'POST',
  path: '/api/agents/:name/voice/stop',
  operationId: 'stopVoice',
  summary: 'End a talk; within an hour the same answer again',
  request: { body: stopVoiceSchema },
  responses: { 200: { description: 'What was said', schema: voiceStoppedSchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'AGENT_NOT_FOUND', 'VOICE_SESSION_NOT_FOUND'],
};

export const getVoiceStatus: Endpoint = {
  ...gateway,
  method: 'GET',
  path: '/api/agents/:name/voice/status',
  operationId: 'getVoiceStatus',
  summary: "Whether an agent can be talked with, and the caller's talk with it",
  responses: { 200: { description: 'The status', schema: voiceStatusSchema } },
  errors: ['FORBIDDEN', 'AGENT_NOT_FOUND'],
};

export const VOICE_ENDPOINTS: Endpoint[] = [startVoice, stopVoice, getVoiceStatus];
