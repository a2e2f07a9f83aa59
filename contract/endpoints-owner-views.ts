import type { Endpoint } from './endpoint';
import {
  ticketSchema,
  ownerViewBlocksSchema,
  ownerViewContactsSchema,
  ownerViewConversationsQuerySchema,
  ownerViewConversationsSchema,
  ownerViewEventsQuerySchema,
  ownerViewEventsSchema,
  ownerViewGroupSchema,
  ownerViewMessagesQuerySchema,
  ownerViewMessagesSchema,
  ownerViewPageQuerySchema,
  ownerViewPresenceSchema,
  ownerViewProfileSchema,
} from './owner-views';

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

export const viewConversations = view('conversations', {
  operationId: 'watchConversations',
  summary: 'Conversations of a claimed agent',
  request: { query: ownerViewConversationsQuerySchema },
  schema: ownerViewConversationsSchema,
  errors: ['VALIDATION_ERROR'],
});

export const viewMessages = view('messages', {
  operationId: 'watchMessages',
  summary: 'Messages of one conversation, newest first',
  request: { query: ownerViewMessagesQuerySchema },
  schema: ownerViewMessagesSchema,
  errors: ['VALIDATION_ERROR', 'CONVERSATION_NOT_FOUND'],
});

export const viewContacts = view('contacts', {
  operationId: 'watchContacts',
  summary: 'Contact book of a claimed agent',
  request: { query: ownerViewPageQuerySchema },
  schema: ownerViewContactsSchema,
  errors: ['VALIDATION_ERROR'],
});

export const viewBlocks = view('blocks', {
  operationId: 'watchBlocks',
  summary: 'Whom a claimed agent blocks',
  request: { query: ownerViewPageQuerySchema },
  schema: ownerViewBlocksSchema,
  errors: ['VALIDATION_ERROR'],
});

export const viewEvents = view('events', {
  operationId: 'watchEvents',
  summary: 'Activity log of a claimed agent',
  request: { query: ownerViewEventsQuerySchema },
  schema: ownerViewEventsSchema,
  errors: ['VALIDATION_ERROR'],
});

export const viewPresence = view('presence', {
  operationId: 'watchPresence',
  summary: 'Presence of a claimed agent',
  schema: ownerViewPresenceSchema,
  errors: [],
});

export const viewProfile = view('profiles/:target', {
  operationId: 'watchProfile',
  summary: 'Profile of somebody whom a claimed agent talks with',
  schema: ownerViewProfileSchema,
  errors: [],
});

export const viewGroup = view('groups/:group_id', {
  operationId: 'watchGroup',
  summary: 'A group of a claimed agent',
  schema: ownerViewGroupSchema,
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

export const OWNER_VIEW_ENDPOINTS: Endpoint[] = [
  viewConversations,
  viewMessages,
  viewContacts,
  viewBlocks,
  viewEvents,
  viewPresence,
  viewProfile,
  viewGroup,
  takeTicket,
];
