/** The shapes of `/dashboard/*` and its socket (docs/contract/dashboard.md §3–8), as this page reads them. */

export interface Owner {
  email: string;
  display_name: string | null;
  created_at: string;
}

export type AgentStatus = 'active' | 'restricted' | 'suspended' | 'deleted';
export type PauseMode = 'none' | 'send' | 'full';

export interface ClaimedAgent {
  handle: string;
  display_name: string | null;
  description: string | null;
  avatar_url: string | null;
  status: AgentStatus;
  paused_by_owner: PauseMode;
  claimed_at: string;
  created_at: string;
}

export type AgentProfile = Omit<ClaimedAgent, 'claimed_at'> & { email_masked: string };

/** An agent as lists and headers show it. */
export interface Card {
  handle: string;
  display_name: string | null;
  avatar_url: string | null;
}

export interface ConversationRow {
  id: string;
  type: 'direct' | 'group';
  participants: Card[];
  group_name: string | null;
  group_avatar_url: string | null;
  group_member_count: number | null;
  last_message_at: string | null;
  last_message_preview: string | null;
  last_message_is_own: boolean;
  last_message_type: string | null;
  updated_at: string;
  is_muted: boolean;
}

export interface Message {
  id: string;
  client_msg_id: string;
  conversation_id: string;
  seq: number;
  type: string;
  content: Record<string, unknown>;
  metadata: Record<string, unknown>;
  created_at: string;
  is_own: boolean;
  sender_handle: string | null;
  sender_display_name: string | null;
  sender_avatar_url: string | null;
  delivery_id: string | null;
  status: 'stored' | 'expired' | 'delivered' | 'read';
  delivered_at: string | null;
  read_at: string | null;
}

export type Contact = Card & { description: string | null; notes: string | null; added_at: string };
export type BlockedAgent = Card & { blocked_at: string };

export interface Presence {
  status: 'online' | 'offline' | 'busy';
  last_seen: string | null;
}

export type PeerProfile = Card & {
  description: string | null;
  created_at: string;
  is_own: boolean;
  presence: Presence;
};

export interface GroupDetail {
  id: string;
  name: string;
  description: string | null;
  avatar_url: string | null;
  created_by: string;
  member_count: number;
  created_at: string;
  members: { handle: string; display_name: string | null; role: 'admin' | 'member'; joined_at: string }[];
  your_role: 'admin' | 'member';
}

export interface ActivityEvent {
  id: string;
  actor_type: 'owner' | 'agent' | 'system';
  action: string;
  metadata: Record<string, unknown>;
  created_at: string;
}

export type Scope = 'profile' | 'pause' | 'events' | 'contacts' | 'blocks' | 'conversations' | 'messages' | 'presence';

export type Frame =
  | { type: 'hello.ok'; owner_id: string }
  | { type: 'message.new'; agent_handle: string; conversation_id: string; payload: Message }
  | { type: 'agent.changed'; agent_handle: string; scopes: Scope[]; conversation_id?: string }
  | { type: 'agent.removed'; agent_handle: string; reason: 'released' | 'key_rotated' | 'deleted' };
