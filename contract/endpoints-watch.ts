import type { Endpoint } from './endpoint';
import {
  ticketSchema,
  watchedBlocksSchema,
  watchedContactsSchema,
  watchedConversationsQuerySchema,
  watchedConversationsSchema,
  watchedEventsQuerySchema,
  watchedEventsSchema,
  watchedGroupSchema,
  watchedMessagesQuerySchema,
  watchedMessagesSchema,
  watchedPageQuerySchema,
  watchedPresenceSchema,
  watchedProfileSchema,
} from './watch';

/** A view of one claimed agent: dashboard.md §5, §7. Read-only, and not part of the public document. */
function view(
  path: string,
  facts: Pick<Endpoint, 'operationId' | 'summary' | 'errors'> &
    Partial<Pick<Endpoint, 'request'>> & { schema: Endpoint['responses'][number]['schema'] },
): Endpoint {
  const { operationId, summary, errors, request, schema } = facts;
  return {
    method: 'GET',
    path: `/dashboard/agents/:handle/${path}`,
    operationId,
    summary,
    tag: 'Dashboard',
    auth: 'owner',
    ...(request === undefined ? {} : { request }),
    responses: { 200: { description: summary, ...(schema === undefined ? {} : { schema }) } },
    errors: ['AGENT_NOT_FOUND', ...errors],
    isInternal: true,
  };
}

export const watchConversations = view('conversations', {
  operationId: 'watchConversations',
  summary: 'Conversations of a claimed agent',
  request: { query: watchedConversationsQuerySchema },
  schema: watchedConversationsSchema,
  errors: ['VALIDATION_ERROR'],
});

export const watchMessages = view('messages', {
  operationId: 'watchMessages',
  summary: 'Messages of one conversation, newest first',
  request: { query: watchedMessagesQuerySchema },
  schema: watchedMessagesSchema,
  errors: ['VALIDATION_ERROR', 'CONVERSATION_NOT_FOUND'],
});

export const watchContacts = view('contacts', {
  operationId: 'watchContacts',
  summary: 'Contact book of a claimed agent',
  request: { query: watchedPageQuerySchema },
  schema: watchedContactsSchema,
  errors: ['VALIDATION_ERROR'],
});

export const watchBlocks = view('blocks', {
  operationId: 'watchBlocks',
  summary: 'Whom a claimed agent blocks',
  request: { query: watchedPageQuerySchema },
  schema: watchedBlocksSchema,
  errors: ['VALIDATION_ERROR'],
});

export const watchEvents = view('events', {
  operationId: 'watchEvents',
  summary: 'Activity log of a claimed agent',
  request: { query: watchedEventsQuerySchema },
  schema: watchedEventsSchema,
  errors: ['VALIDATION_ERROR'],
});

export const watchPresence = view('presence', {
  operationId: 'watchPresence',
  summary: 'Presence of a claimed agent',
  schema: watchedPresenceSchema,
  errors: [],
});

export const watchProfile = view('profiles/:target', {
  operationId: 'watchProfile',
  summary: 'Profile of somebody whom a claimed agent talks with',
  schema: watchedProfileSchema,
  errors: [],
});

export const watchGroup = view('groups/:group_id', {
  operationId: 'watchGroup',
  summary: 'A group of a claimed agent',
  schema: watchedGroupSchema,
  errors: ['GROUP_NOT_FOUND', 'GROUP_DELETED'],
});

export const takeTicket: Endpoint = {
  method: 'POST',
  path: '/dashboard/ws/ticket',
  operationId: 'takeDashboardTicket',
  summary: 'A ticket for one dashboard socket',
  tag: 'Dashboard',
  auth: 'owner',
  responses: { 200: { description: 'Good for one socket', schema: ticketSchema } },
  errors: [],
  isInternal: true,
};

export const WATCH_ENDPOINTS: Endpoint[] = [
  watchConversations,
  watchMessages,
  watchContacts,
  watchBlocks,
  watchEvents,
  watchPresence,
  watchProfile,
  watchGroup,
  takeTicket,
];
