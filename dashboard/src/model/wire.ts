import type { z } from 'zod';
import type { GroupDetailView } from '../../../contract/groups';
import type {
  ChatMessageView,
  ConversationView,
  ExecutionSummaryView,
  GatewayKeyView,
  SessionView,
} from '../../../contract/gateway';
import type { PaymentSettingsView } from '../../../contract/payments';
import type { LinkUsageView, LinkView } from '../../../contract/public-chat';
import type { TurnSlotsView } from '../../../contract/turn-slots';
import type { AgentProfileView, ClaimedAgentView, OwnerView } from '../../../contract/owners';
import type { OwnerWebhookView } from '../../../contract/owner-webhooks';
import type { WebhookDeliveryDetail, WebhookDeliveryView } from '../../../contract/webhook-log';
import type { rotatedSecretSchema, WebhookTestView } from '../../../contract/webhook-settings';
import type {
  OwnerBlockView,
  OwnerContactView,
  OwnerConversationView,
  OwnerEventView,
  ownerViewMessagesSchema,
  OwnerProfileView,
} from '../../../contract/owner-views';

/**
 * The shapes of `/dashboard/*` and of its socket, as this page calls them (docs/contract/dashboard.md §3–8), and of the chat
 * gateway (docs/contract/gateway.md).
 */

export type Owner = OwnerView;
export type ClaimedAgent = ClaimedAgentView;
export type AgentProfile = AgentProfileView;
export type AgentStatus = ClaimedAgent['status'];
export type PauseMode = ClaimedAgent['paused_by_owner'];

export type ConversationRow = OwnerConversationView;
export type Message = z.infer<typeof ownerViewMessagesSchema>['messages'][number];
export type Contact = OwnerContactView;
export type BlockedAgent = OwnerBlockView;
export type PeerProfile = OwnerProfileView;
export type Presence = Pick<PeerProfile['presence'], 'status' | 'last_seen'>;
export type GroupDetail = GroupDetailView;
export type ActivityEvent = OwnerEventView;

/** What a user says to an agent and hears from it, in one session. */
export type ChatSession = SessionView;
/** The same for its own user only. */
export type OwnChat = ConversationView;
export type ChatMessage = ChatMessageView;
export type Execution = ExecutionSummaryView;
export type GatewayKey = GatewayKeyView;
/** A key as it is shown once. */
export type NewGatewayKey = Omit<GatewayKey, 'last_used_at'> & { key: string; callback_secret: string };

/** A link by which anybody may chat with the agent. */
export type ShareLink = LinkView;
/** The same with how it was used. */
export type UsedShareLink = LinkUsageView;
/** A link with its URL, which is shown once. */
export type NewShareLink = ShareLink & { token: string; url: string };
/** What strangers pay for a turn. */
export type PaymentSettings = PaymentSettingsView;
export type TurnSlots = TurnSlotsView;

/** An endpoint that the agent has registered, and how it does. */
export type Webhook = OwnerWebhookView;
/** One event for one endpoint. */
export type Delivery = WebhookDeliveryView;
/** The same with its request and its attempts. */
export type DeliveryDetail = WebhookDeliveryDetail;
export type WebhookTest = WebhookTestView;
/** A signing secret, which is shown once. */
export type RotatedSecret = z.infer<typeof rotatedSecretSchema>;

/** What of an agent changed. */
export type Scope = 'profile' | 'pause' | 'events' | 'contacts' | 'blocks' | 'conversations' | 'messages' | 'presence';

/** Dashboard frames: §6.3. */
export type Frame =
  | { type: 'hello.ok'; owner_id: string }
  | { type: 'message.new'; agent_handle: string; conversation_id: string; payload: Message }
  | { type: 'agent.changed'; agent_handle: string; scopes: Scope[]; conversation_id?: string }
  | { type: 'agent.removed'; agent_handle: string; reason: 'released' | 'key_rotated' | 'deleted' };
