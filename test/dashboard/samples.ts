import type { ChatMessage, ConversationRow, Execution, Message } from '../../dashboard/src/model/wire';

/** A conversation as the page reads it. */
export function conversation(fields: Partial<ConversationRow> = {}): ConversationRow {
  return {
    id: 'conv_1',
    type: 'direct',
    participants: [{ handle: 'bob', display_name: null, avatar_url: null }],
    group_name: null,
    group_avatar_url: null,
    group_member_count: null,
    last_message_at: '2026-03-12T12:00:00.000Z',
    last_message_preview: 'Hello',
    last_message_is_own: false,
    last_message_type: 'text',
    updated_at: '2026-03-12T12:00:00.000Z',
    is_muted: false,
    ...fields,
  };
}

/** A message as the page reads it. */
export function message(fields: Partial<Message> = {}): Message {
  const seq = fields.seq ?? 1;
  return {
    id: `msg_${seq}`,
    client_msg_id: `c${seq}`,
    conversation_id: 'conv_1',
    seq,
    type: 'text',
    content: { text: 'Hello' },
    metadata: {},
    created_at: '2026-03-12T12:00:00.000Z',
    is_own: false,
    sender_handle: 'bob',
    sender_display_name: null,
    sender_avatar_url: null,
    delivery_id: null,
    status: 'stored',
    delivered_at: null,
    read_at: null,
    ...fields,
  };
}

/** A message of a chat with an agent, as the page reads it. */
export function chatMessage(fields: Partial<ChatMessage> = {}): ChatMessage {
  return {
    id: 'msg_1',
    session_id: 'ses_1',
    agent_name: 'Ada',
    user_id: 'own_1',
    user_email: null,
    role: 'user',
    content: 'Hi',
    timestamp: '2026-03-12T12:00:00.000Z',
    execution_id: null,
    late: false,
    cost: null,
    context_used: null,
    context_max: null,
    tool_calls: null,
    execution_time_ms: null,
    attachments: [],
    ...fields,
  };
}

/** A turn as the page reads it. */
export function execution(fields: Partial<Execution> = {}): Execution {
  return {
    id: 'exe_1',
    agent_name: 'Ada',
    session_id: 'ses_1',
    status: 'running',
    triggered_by: 'chat',
    message: 'Hi',
    queued_at: '2026-03-12T12:00:00.000Z',
    started_at: null,
    completed_at: null,
    duration_ms: null,
    attempt: 1,
    max_attempts: 1,
    error: null,
    cost: null,
    schedule_id: null,
    ...fields,
  };
}
