import type { ErrorCode } from './codes';
import type { Endpoint } from './endpoint';
import { EVENT_STREAM, gateway, twin } from './endpoints-gateway';
import {
  addTeamAgentSchema,
  createTeamSchema,
  teamAnswerSchema,
  teamChatSchema,
  teamDeletedSchema,
  teamHistoryQuerySchema,
  teamHistorySchema,
  teamSchema,
  teamsSchema,
  teamStreamQuerySchema,
  updateTeamSchema,
} from './teams';

/** gateway.md §5.4: under `/teams` as its original has it, and under `/api/teams`. */
const bothPaths = (endpoint: Endpoint): readonly [Endpoint, Endpoint] => [
  endpoint,
  twin(endpoint, `/api${endpoint.path}`, `${endpoint.operationId}Api`),
];

/** What keeps an agent out of a team (gateway.md §1.2). */
const MEMBER_ERRORS: ErrorCode[] = ['AGENT_NOT_FOUND', 'AGENT_SUSPENDED', 'AGENT_UNAVAILABLE', 'INBOX_RESTRICTED'];

export const listTeams = bothPaths({
  ...gateway,
  method: 'GET',
  path: '/teams',
  operationId: 'listTeams',
  summary: "The caller's teams, the oldest first",
  responses: { 200: { description: 'The teams', schema: teamsSchema } },
  errors: ['FORBIDDEN'],
});

export const createTeam = bothPaths({
  ...gateway,
  method: 'POST',
  path: '/teams',
  operationId: 'createTeam',
  summary: 'Make a team of agents',
  request: { body: createTeamSchema },
  responses: { 201: { description: 'The team', schema: teamSchema } },
  errors: ['FORBIDDEN', 'LIMIT_REACHED', ...MEMBER_ERRORS],
});

export const getTeam = bothPaths({
  ...gateway,
  method: 'GET',
  path: '/teams/:id',
  operationId: 'getTeam',
  summary: 'One team',
  responses: { 200: { description: 'The team', schema: teamSchema } },
  errors: ['FORBIDDEN', 'TEAM_NOT_FOUND'],
});

export const updateTeam = bothPaths({
  ...gateway,
  method: 'PUT',
  path: '/teams/:id',
  operationId: 'updateTeam',
  summary: 'Change a team; what is absent stays as it is',
  request: { body: updateTeamSchema },
  responses: { 200: { description: 'The team', schema: teamSchema } },
  errors: ['FORBIDDEN', 'TEAM_NOT_FOUND', ...MEMBER_ERRORS],
});

export const deleteTeam = bothPaths({
  ...gateway,
  method: 'DELETE',
  path: '/teams/:id',
  operationId: 'deleteTeam',
  summary: 'Delete a team; its open turns are cancelled',
  responses: { 200: { description: 'It is gone', schema: teamDeletedSchema } },
  errors: ['FORBIDDEN', 'TEAM_NOT_FOUND'],
});

export const addTeamAgent = bothPaths({
  ...gateway,
  method: 'POST',
  path: '/teams/:id/agents/:name',
  operationId: 'addTeamAgent',
  summary: 'Add an agent to a team, or give a member another role',
  request: { body: addTeamAgentSchema },
  responses: { 200: { description: 'The team', schema: teamSchema } },
  errors: ['FORBIDDEN', 'TEAM_NOT_FOUND', 'LIMIT_REACHED', ...MEMBER_ERRORS],
});

export const removeTeamAgent = bothPaths({
  ...gateway,
  method: 'DELETE',
  path: '/teams/:id/agents/:name',
  operationId: 'removeTeamAgent',
  summary: 'Take an agent out of a team',
  responses: { 200: { description: 'The team', schema: teamSchema } },
  errors: ['FORBIDDEN', 'TEAM_NOT_FOUND', 'AGENT_NOT_FOUND'],
});

/** What keeps a team's turn from starting, or becomes of it. */
const TEAM_TURN_ERRORS: ErrorCode[] = [
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_KEY_CONFLICT',
  'CONTENT_TOO_LARGE',
  'FORBIDDEN',
  'TEAM_NOT_FOUND',
  'TEAM_EMPTY',
  'SESSION_NOT_FOUND',
  'SESSION_CLOSED',
  'TURN_QUEUE_FULL',
  'TURN_CANCELLED',
  'TURN_TIMEOUT',
];

export const teamChat = bothPaths({
  ...gateway,
  method: 'POST',
  path: '/teams/:id/chat',
  operationId: 'teamChat',
  summary: 'Say something to a team and get the answers of its members, and their summary',
  startsTurn: 'team',
  request: { body: teamChatSchema },
  responses: { 200: { description: 'The answers', schema: teamAnswerSchema } },
  errors: TEAM_TURN_ERRORS,
});

export const teamChatStream = bothPaths({
  ...gateway,
  method: 'POST',
  path: '/teams/:id/chat/stream',
  operationId: 'teamChatStream',
  summary: 'Say something to a team and get the answers as server-sent events, each when it is there',
  startsTurn: 'team',
  request: { body: teamChatSchema },
  responses: { 200: { description: 'The events', mediaType: EVENT_STREAM } },
  errors: TEAM_TURN_ERRORS,
});

export const streamTeamExecution = bothPaths({
  ...gateway,
  method: 'GET',
  path: '/teams/:id/executions/:execution_id/stream',
  operationId: 'streamTeamExecution',
  summary: 'The events of a turn of a team, from `Last-Event-ID` on, as server-sent events',
  request: { query: teamStreamQuerySchema },
  responses: { 200: { description: 'The events', mediaType: EVENT_STREAM } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'TEAM_NOT_FOUND', 'EXECUTION_NOT_FOUND', 'TURN_QUEUE_FULL'],
});

export const getTeamHistory = bothPaths({
  ...gateway,
  method: 'GET',
  path: '/teams/:id/history',
  operationId: 'getTeamHistory',
  summary: 'What the caller and the team said last, oldest first',
  request: { query: teamHistoryQuerySchema },
  responses: { 200: { description: 'The messages', schema: teamHistorySchema } },
  errors: ['VALIDATION_ERROR', 'FORBIDDEN', 'TEAM_NOT_FOUND', 'SESSION_NOT_FOUND'],
});

export const TEAM_ENDPOINTS: Endpoint[] = [
  ...listTeams,
  ...createTeam,
  ...getTeam,
  ...updateTeam,
  ...deleteTeam,
  ...addTeamAgent,
  ...removeTeamAgent,
  ...teamChat,
  ...teamChatStream,
  ...streamTeamExecution,
  ...getTeamHistory,
];
