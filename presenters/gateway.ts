import type {
  ChatAnswerView,
  ChatMessageView,
  ConversationView,
  ExecutionSummaryView,
  ExecutionView,
  GatewayAgentView,
  GatewayKeyView,
  SessionView,
} from '../contract/gateway';
import type { AgentTurnView } from '../contract/turn-frames';
import { EXECUTION_PREVIEW_LENGTH_MAX } from '../contract/limits';
import { beginningOf } from '../domain/cuts';
import { dollarsOf } from '../domain/turn-report';
import { responseOf } from '../domain/turns';
import type { Agent } from '../store/schema/collections/agents';
import type { GatewayEvent, GatewayExecution, GatewayKey, GatewaySession } from '../store/schema/collections/gateway';
import type { ExecutionOfMessage, ListedExecution } from '../store/gateway/executions';
import type { Payment } from '../store/schema/collections/payments';
import type { Message } from '../store/schema/collections/messages';
import { presentPayment } from './payments';
import { presentExecutionLog, presentKeptCalls, presentToolCalls, toolCallsText } from './tools';
import { costOf, presentUsage } from './usage';

type Named = Pick<Agent, '_id' | 'handle' | 'displayName'>;

/** What users call an agent (gateway.md §4.2). */
export const agentNameOf = ({ handle, displayName }: Pick<Agent, 'handle' | 'displayName'>): string =>
  displayName ?? handle;

export function presentGatewayAgent(agent: Agent, { isOwned, isOnline }: { isOwned: boolean; isOnline: boolean }) {
  const { _id: id, handle, displayName, description, status } = agent;
  return {
    id,
    name: agentNameOf(agent),
    handle,
    display_name: displayName,
    description,
    status,
    owned: isOwned,
    online: isOnline,
  } satisfies GatewayAgentView;
}

const isoOf = (date: Date | null | undefined): string | null => date?.toISOString() ?? null;

const durationOf = ({ queuedAt, completedAt }: Pick<GatewayExecution, 'queuedAt' | 'completedAt'>): number | null =>
  completedAt === null ? null : completedAt.getTime() - queuedAt.getTime();

/**
 * A turn that was completed, as JSON callers get it (gateway.md §4.2). Of an agent that tells of no cost: nulls and zeros.
 * @param tools what its agent told of its tools
 * @param attachments the files that came with it
 */
export function presentAnswer(
  agent: Named,
  execution: GatewayExecution,
  session: GatewaySession,
  tools: GatewayEvent[],
  attachments: ChatAnswerView['attachments'] = [],
): ChatAnswerView {
  const { _id: id, sessionId, response, completedAt, queuedAt, usage, tools: kept = [] } = execution;
  return {
    response: response ?? '',
    agent_id: agent._id,
    agent_name: agentNameOf(agent),
    session_id: sessionId,
    conversation_id: sessionId,
    execution_id: id,
    status: 'completed',
    message_id: answerIdOf(execution),
    attachments,
    execution_log: presentExecutionLog(tools),
    metadata: {
      cost_usd: costOf(usage),
      duration_ms: durationOf(execution) ?? 0,
      num_turns: 1,
      tool_count: execution.toolCalls ?? kept.length,
      session_id: sessionId,
      input_tokens: usage?.inputTokens ?? 0,
      output_tokens: usage?.outputTokens ?? 0,
      context_window: usage?.contextMax ?? null,
    },
    session: {
      total_cost_usd: dollarsOf(session.usage?.costNanos ?? 0),
      context_tokens: session.usage?.contextUsed ?? null,
      context_window: session.usage?.contextMax ?? null,
      message_count: session.messageCount,
      model: session.usage?.model ?? null,
    },
    execution: { id, task_execution_id: id, queue_status: 'running', was_queued: execution.queuedBehind > 0 },
    timestamp: (completedAt ?? queuedAt).toISOString(),
  };
}

/** The message that answers a turn: the last of its agent's that is not late. */
const answerIdOf = ({ replies }: Pick<GatewayExecution, 'replies'>): string | null =>
  replies.findLast(({ isLate }) => !isLate)?.messageId ?? null;

/** An account's id, or that of a visitor or payer. */
const userIdOf = ({ ownerId, principal }: GatewaySession): string => ownerId ?? principal.replace(/^\w+:/, '');

/** @param user whose session it is; its address only for itself and the agent's owner */
export function presentSession(
  agent: Named,
  session: GatewaySession,
  user: { email: string | null },
  unreadCount: number,
): SessionView {
  return {
    id: session._id,
    agent_name: agentNameOf(agent),
    agent_id: agent._id,
    user_id: userIdOf(session),
    user_email: user.email,
    kind: session.kind,
    title: session.title ?? null,
    status: session.status === 'active' ? 'active' : 'closed',
    started_at: session.startedAt.toISOString(),
    last_message_at: isoOf(session.lastMessageAt),
    message_count: session.messageCount,
    unread_count: unreadCount,
    total_cost: dollarsOf(session.usage?.costNanos ?? 0),
    total_context_used: session.usage?.contextUsed ?? 0,
    total_context_max: session.usage?.contextMax ?? 0,
  };
}

/** A session as the other original shows it (gateway.md §5.3). */
export function presentConversation(session: GatewaySession, unreadCount: number): ConversationView {
  return {
    id: session._id,
    agent_id: session.agentId,
    title: session.title ?? null,
    created_at: session.startedAt.toISOString(),
    updated_at: session.activeAt.toISOString(),
    last_message_at: isoOf(session.lastMessageAt),
    message_count: session.messageCount,
    unread_count: unreadCount,
    status: session.status === 'active' ? 'active' : 'closed',
  };
}

/** A turn as its agent sees it (gateway.md §8.3). */
export function presentAgentTurn(execution: GatewayExecution, session: GatewaySession): AgentTurnView {
  return {
    execution_id: execution._id,
    session_id: session._id,
    conversation_id: execution.place?.conversationId ?? null,
    message_id: execution.messageId,
    sender: session.guestHandle,
    status: execution.status,
    channel: execution.channel,
    queued_at: execution.queuedAt.toISOString(),
    deadline_at: execution.deadlineAt.toISOString(),
    through_index: (execution.stream?.nextIndex ?? 0) - 1,
  };
}

export function presentKey(key: GatewayKey): GatewayKeyView {
  const { _id, name, agentId, teamId, keyPrefix, createdAt, lastUsedAt } = key;
  const scope = agentId === null ? 'global' : 'agent';
  return {
    id: _id,
    name,
    scope: teamId === undefined ? scope : 'team',
    key_prefix: keyPrefix,
    created_at: createdAt.toISOString(),
    last_used_at: isoOf(lastUsedAt),
  };
}

/** A message of a session as its user reads it. @param execution the turn that it belongs to, if it does */
export function presentChatMessage(
  agent: Named,
  session: GatewaySession,
  message: Message,
  execution: ExecutionOfMessage | null,
  user: { email: string | null },
): ChatMessageView {
  const { _id: id, createdAt } = message;
  // What a turn has cost stands with its answer, whatever else was said in it.
  const answered = execution !== null && answerIdOf(execution) === id ? execution : null;
  // The parse point of what `newMessage` wrote.
  const content = JSON.parse(message.content) as { text?: unknown; data?: unknown; attachment_id?: unknown };
  const { attachment_id: attachmentId } = content;
  const isUsers = message.senderId === session.guestId;
  const isLate = execution?.replies.some((reply) => reply.messageId === id && reply.isLate) ?? false;
  return {
    id,
    session_id: session._id,
    agent_name: agentNameOf(agent),
    user_id: userIdOf(session),
    user_email: user.email,
    role: isUsers ? 'user' : 'assistant',
    content: responseOf(content),
    timestamp: createdAt.toISOString(),
    execution_id: execution?._id ?? null,
    late: isLate,
    cost: costOf(answered?.usage),
    context_used: answered?.usage?.contextUsed ?? null,
    context_max: answered?.usage?.contextMax ?? null,
    tool_calls: toolCallsText(answered?.tools),
    execution_time_ms: isUsers || isLate || execution === null ? null : durationOf(execution),
    attachments: typeof attachmentId === 'string' ? [{ attachment_id: attachmentId }] : [],
  };
}

export function presentExecutionSummary(agent: Named, execution: ListedExecution): ExecutionSummaryView {
  return {
    id: execution._id,
    agent_name: agentNameOf(agent),
    session_id: execution.sessionId,
    status: execution.status,
    triggered_by: execution.channel,
    message: beginningOf(execution.message, EXECUTION_PREVIEW_LENGTH_MAX),
    queued_at: execution.queuedAt.toISOString(),
    started_at: isoOf(execution.startedAt),
    completed_at: isoOf(execution.completedAt),
    duration_ms: durationOf(execution),
    attempt: execution.tries?.attempt ?? 1,
    max_attempts: execution.tries?.max ?? 1,
    error: execution.error?.message ?? null,
    cost: costOf(execution.usage),
    schedule_id: null,
  };
}

/** @param tools what its agent told of its tools @param payment what it is paid with, if it is */
export function presentExecution(
  agent: Named,
  execution: GatewayExecution,
  tools: GatewayEvent[],
  payment: Payment | null,
): ExecutionView {
  const metadata = { ...execution.metadata, ...execution.hints };
  const { usage } = execution;
  return {
    ...presentExecutionSummary(agent, execution),
    message: execution.message,
    response: execution.response,
    error_code: execution.error?.code ?? null,
    tool_calls: tools.length > 0 ? presentToolCalls(tools) : presentKeptCalls(execution),
    execution_log: presentExecutionLog(tools),
    usage: presentUsage(usage),
    context_used: usage?.contextUsed ?? null,
    context_max: usage?.contextMax ?? null,
    message_id: execution.messageId,
    response_message_ids: execution.replies.flatMap(({ messageId, isLate }) => (isLate ? [] : [messageId])),
    deadline_at: execution.deadlineAt.toISOString(),
    late_response: execution.late?.response ?? null,
    late_response_at: isoOf(execution.late?.at),
    retry_of: execution.retryOf ?? null,
    metadata: Object.keys(metadata).length === 0 ? null : metadata,
    payment: payment === null ? null : presentPayment(payment),
  };
}
