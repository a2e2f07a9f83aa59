import type {
  ActivityEvent,
  AgentProfile,
  BlockedAgent,
  ClaimedAgent,
  Contact,
  ConversationRow,
  GroupDetail,
  Message,
  Owner,
  PauseMode,
  PeerProfile,
} from '../model/wire';
import type { Api } from './api';
import { gatewayCalls, keyCalls } from './gateway-calls';
import { query } from './query';
import { sharingCalls } from './sharing-calls';
import { webhookCalls } from './webhook-calls';

export const CONVERSATIONS_PAGE = 50;
export const LIST_PAGE = 100;
export const MESSAGES_PAGE = 50;
export const EVENTS_PAGE = 50;

export interface Page<T> {
  rows: T[];
  total: number;
}

const pathOf = (handle: string): string => `/dashboard/agents/${encodeURIComponent(handle)}`;

/** Every call that the page makes (docs/contract/dashboard.md §3–8, docs/contract/gateway.md). */
export function createCalls(api: Api) {
  return {
    ...sessionCalls(api),
    ...agentCalls(api),
    ...readCalls(api),
    ...gatewayCalls(api),
    ...keyCalls(api),
    ...sharingCalls(api),
    ...webhookCalls(api),
  };
}

export type Calls = ReturnType<typeof createCalls>;

function sessionCalls(api: Api) {
  return {
    requestCode: (email: string) =>
      api.callOpen<{ pending_id: string }>('POST', '/dashboard/auth/otp/request', { email }),
    verifyCode: async (pendingId: string, code: string) => {
      await api.callOpen('POST', '/dashboard/auth/otp/verify', { pending_id: pendingId, code });
      api.noteSignedIn();
    },
    signOut: () => api.callOpen('POST', '/dashboard/auth/logout'),
    signOutEverywhere: () => api.call('POST', '/dashboard/auth/logout/all'),
    bootstrap: () => api.call<{ owner: Owner; agents: ClaimedAgent[] }>('GET', '/dashboard/bootstrap'),
    ticket: () => api.call<{ ticket: string }>('POST', '/dashboard/ws/ticket').then(({ ticket }) => ticket),
  };
}

function agentCalls(api: Api) {
  return {
    agents: () => api.call<{ agents: ClaimedAgent[] }>('GET', '/dashboard/agents').then(({ agents }) => agents),
    claim: (apiKey: string) => api.call<ClaimedAgent>('POST', '/dashboard/agents/claim', { api_key: apiKey }),
    release: (handle: string) => api.call('DELETE', pathOf(handle)),
    profile: (handle: string) => api.call<AgentProfile>('GET', pathOf(handle)),
    setPause: (handle: string, mode: PauseMode) =>
      mode === 'none'
        ? api.call('POST', `${pathOf(handle)}/unpause`)
        : api.call('POST', `${pathOf(handle)}/pause`, { mode }),
  };
}

function readCalls(api: Api) {
  const read = <T>(
    handle: string,
    what: string,
    fields: Record<string, string | number | undefined> = {},
  ): Promise<T> => api.call<T>('GET', `${pathOf(handle)}/${what}${query(fields)}`);
  return {
    conversations: (handle: string, offset: number, limit = CONVERSATIONS_PAGE) =>
      read<{ conversations: ConversationRow[] }>(handle, 'conversations', { limit, offset }).then(
        ({ conversations }) => conversations,
      ),
    messages: (handle: string, conversationId: string, beforeSeq?: number) =>
      read<{ messages: Message[] }>(handle, 'messages', {
        conversation_id: conversationId,
        before_seq: beforeSeq,
      }).then(({ messages }) => messages),
    peer: (handle: string, target: string) => read<PeerProfile>(handle, `profiles/${encodeURIComponent(target)}`),
    group: (handle: string, groupId: string) => read<GroupDetail>(handle, `groups/${encodeURIComponent(groupId)}`),
    contacts: (handle: string, offset: number): Promise<Page<Contact>> =>
      read<{ contacts: Contact[]; total: number }>(handle, 'contacts', { limit: LIST_PAGE, offset }).then(
        ({ contacts, total }) => ({ rows: contacts, total }),
      ),
    blocks: (handle: string, offset: number): Promise<Page<BlockedAgent>> =>
      read<{ blocks: BlockedAgent[]; total: number }>(handle, 'blocks', { limit: LIST_PAGE, offset }).then(
        ({ blocks, total }) => ({ rows: blocks, total }),
      ),
    events: (handle: string, includeMessages: boolean, before?: string) =>
      read<{ events: ActivityEvent[]; next_before: string | null }>(handle, 'events', {
        limit: EVENTS_PAGE,
        include_messages: String(includeMessages),
        before,
      }),
  };
}
