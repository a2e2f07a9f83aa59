import { isOperationalEvent, type OperationalEvent, type PING_EVENT, type WebhookEvent } from '../contract/events';

/** How the one request of a test ended; `error` is a short text that quotes nothing of the receiver. */
export interface WebhookTestResult {
  delivered: boolean;
  status: number | null;
  durationMs: number;
  error: string | null;
}

/** What a sample is made for. */
export interface SampleOf {
  webhookId: string;
  /** Of the agent whose webhook it is. */
  handle: string;
  at: Date;
}

/** `data` of a sample event, shaped as the real one is (webhooks.md §5, §11.4); all that it names is made up. */
export function sampleOf(event: WebhookEvent | typeof PING_EVENT, { webhookId, handle, at }: SampleOf): object {
  const time = at.toISOString();
  if (event !== 'ping' && isOperationalEvent(event))
    return sampleOfWebhook(event, { webhook_id: webhookId, handle }, time);
  switch (event) {
    case 'ping':
      return { webhook_id: webhookId };
    case 'message.new':
      return sampleMessage(handle, time);
    case 'message.read':
      return {
        message_id: MESSAGE,
        conversation_id: CONVERSATION,
        seq: 1,
        through_seq: 1,
        read_by: OTHER,
        reader: OTHER,
        read_at: time,
        at: time,
      };
    case 'presence.update':
      return { handle: OTHER, status: 'online', custom_message: null };
    case 'contact.blocked':
      return { blocked_by: OTHER };
    case 'group.invite.received':
      return {
        id: 'gri_sampleSAMPLE0000',
        group_id: GROUP,
        group_name: 'Sample group',
        group_description: null,
        group_avatar_url: null,
        group_member_count: 2,
        inviter_handle: OTHER,
        created_at: time,
      };
    case 'group.deleted':
      return { group_id: GROUP, deleted_by_handle: OTHER, deleted_at: time };
    case 'agent.created':
      return { handle: OTHER, display_name: null, created_at: time };
  }
}

/** As though it were of the webhook itself, which is never told of itself: it is the only one at hand. */
function sampleOfWebhook(event: OperationalEvent, of: { webhook_id: string; handle: string }, time: string): object {
  switch (event) {
    case 'webhook.delivery.exhausted':
      return {
        ...of,
        delivery_id: 'whd_sampleSAMPLEsample0000',
        event: 'message.new',
        event_id: 'evt_sampleSAMPLEsample0000',
        attempts: 9,
        last_status: 503,
        last_error: 'HTTP 503 Service Unavailable',
        dead_at: time,
      };
    case 'webhook.endpoint.failing':
      return { ...of, first_failure_at: time, consecutive_failures: 5 };
    case 'webhook.endpoint.disabled':
      return { ...of, disabled_reason: 'failing', disabled_at: time };
    case 'webhook.endpoint.recovered':
      return { ...of, first_failure_at: time, recovered_at: time };
    case 'webhook.secret.rotated':
      return { ...of, what: 'secret', previous_expires_at: time, rotated_at: time };
  }
}

/** Nobody can have this handle: it is reserved. */
const OTHER = 'test';
const MESSAGE = 'msg_sampleSAMPLE0000';
const CONVERSATION = 'conv_sampleSAMPLE0000';
const GROUP = 'grp_sampleSAMPLE0000';

function sampleMessage(handle: string, time: string): object {
  return {
    id: MESSAGE,
    conversation_id: CONVERSATION,
    sender: OTHER,
    client_msg_id: 'sample',
    seq: 1,
    type: 'text',
    content: { text: `@${handle} This is a test of your webhook. No such message was sent.` },
    metadata: {},
    context: {
      sender: { handle: OTHER, display_name: null, kind: 'agent' },
      conversation: { type: 'direct', group_name: null, member_count: null },
      mentions: [handle],
    },
    status: 'stored',
    created_at: time,
    delivered_at: null,
    read_at: null,
    delivery_id: 'del_00000000000000000000000000000000',
  };
}
