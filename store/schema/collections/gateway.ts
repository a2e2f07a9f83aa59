import type { TurnFile } from '../../../domain/turn-files';
import type { ToolCall, TurnUsage } from '../../../domain/turn-report';
import type { TurnFailure, TurnStatus } from '../../../domain/turns';
import type { SealedSecret } from './webhooks';
import type { TeamPart, TeamTurn } from './gateway-teams';
import type { StreamState } from '../../../domain/turn-stream';
import type { SESSION_KINDS } from '../../../contract/gateway';
import { collection, DATE_OR_NULL, NUMBER, shape, STRING_OR_NULL } from './collection';

/** What a session was made for (gateway.md §4.3). */
export type SessionKind = (typeof SESSION_KINDS)[number];

/** One user's talk with one agent: a guest and its direct conversation (gateway.md §1). */
export interface GatewaySession {
  _id: string;
  /** The agent, or the team (store/gateway/team-sessions.ts). */
  agentId: string;
  /** The agent row that the user's messages are sent by; one for all members of a team. */
  guestId: string;
  guestHandle: string;
  /** Null until the first message. */
  conversationId: string | null;
  /** Whose session it is: the key of a `Principal`. */
  principal: string;
  /** The account of its user; null: it has none. */
  ownerId: string | null;
  /** The address that a user without an account has proven. Absent: none. */
  verifiedEmail?: string;
  kind: SessionKind;
  /** The team session that this is one member's part of; no turn of its own begins in it. Absent: it is none. */
  memberOf?: string;
  /** The share link that its user came over. Absent: none. */
  linkId?: string;
  /** Deleted: by its user; nobody of the gateway sees it any more. */
  status: 'active' | 'closed' | 'deleted';
  /** The one that turns without a session go to. Absent: another one is, or none. */
  isCurrent?: true;
  /**
   * Executions that hold the session or wait for it, oldest first: the first one's message is with the agent, the others'
   * wait. One whose caller has stopped waiting is not here any more, though it may be open.
   */
  turns: string[];
  startedAt: Date;
  /** The last turn or reply, else the start: lists are in this order. */
  activeAt: Date;
  lastMessageAt: Date | null;
  messageCount: number;
  /** What its turns have cost together, and the context of the last that told. Absent: none has told anything. */
  usage?: { costNanos?: number; contextUsed?: number; contextMax?: number; model?: string };
  title?: string;
  closedAt?: Date;
}

/** One turn: a user's message and the agent's answer (gateway.md §9). */
export interface GatewayExecution {
  _id: string;
  sessionId: string;
  /** The agent, or the team. */
  agentId: string;
  guestId: string;
  principal: string;
  /** The share link that it came over. Absent: none. */
  linkId?: string;
  /** How it came; for most turns what their session was made for. */
  channel: SessionKind;
  status: TurnStatus;
  /** The payment that it is for. Absent: nobody pays. */
  paymentId?: string;
  /** What the user wrote. */
  message: string;
  /** The files that came with it; absent: none. */
  files?: TurnFile[];
  hints: { model?: string; system_prompt?: string };
  /** Null until the user's message was handed to the agent. */
  messageId: string | null;
  /** Where that message is. Absent with it. */
  place?: { conversationId: string; seq: number };
  /** When it was handed over. Absent with it. */
  handedOverAt?: Date;
  response: string | null;
  /** Somebody watches the answer come: deltas are useful. */
  wantsStream: boolean;
  /** How far the agent has streamed its answer; absent: it has not. */
  stream?: StreamState;
  /** How many calls of tools it has told of; absent: none. */
  toolCalls?: number;
  /** The first of these calls with their results, once the turn has ended; absent: none. */
  tools?: ToolCall[];
  /** What its agent says that it has cost; absent: nothing. */
  usage?: TurnUsage;
  /** Ids of the files that came with its answer; absent: none. */
  attachments?: string[];
  /** What the agent wrote to it, oldest first; late: after the end; a continuation: the next part of the one before. */
  replies: { messageId: string; isLate: boolean; isContinuation?: true }[];
  error: { code: TurnFailure; message: string; agentCode?: string } | null;
  /** The first answer that came after the end. */
  late?: { response: string; at: Date };
  /** The number of the last event. */
  lastEvent: number;
  /** How many turns stood before it in its session when it came. */
  queuedBehind: number;
  queuedAt: Date;
  startedAt: Date | null;
  /** When its agent last gave a sign: a frame, typing or a message. Absent: not since it took the turn. */
  activeAt?: Date;
  completedAt: Date | null;
  /** Until then the caller waits, and the turn holds its session. */
  waitUntil: Date;
  /** Then it is failed, if it is still open. */
  deadlineAt: Date;
  /** Its message is not handed over before: behind others of its session, or of its agent. Absent: it has its slot. */
  waitsFor?: 'session' | 'agent';
  /** The order of those that wait for an agent: chats are 0, tasks 1 to 10 by their priority. */
  rank: number;
  /** Only of tasks that may be tried more than once. */
  tries?: TurnTries;
  /** Of tasks: 9 before 0. */
  priority?: number;
  /** What an application keeps with its task; its agent is not told. */
  metadata?: Record<string, unknown>;
  /** The turn that this one repeats. */
  retryOf?: string;
  /** Who is told of the end of a task: a URL, which may hold a password, and whose secret signs it. */
  callback?: { url: SealedSecret; signer: CallbackSigner };
  /** Of a team's turn: what it runs by, and what became of its members. Such a turn has no message of its own. */
  team?: TeamTurn;
  /** Of a turn that a team's turn began: what its agent is told of it. */
  teamPart?: TeamPart;
}

/** Whose callback secret signs: a key's, or an owner's own. */
export type CallbackSigner = { kind: 'key' | 'owner'; id: string };

/** How often the message of a task was handed over (gateway.md §9.2). */
export interface TurnTries {
  /** The one that runs, from 1. */
  attempt: number;
  max: number;
  /** Within so long of its hand-over the agent must have taken a try. */
  acceptMs: number;
  /** Its message is not handed over before. */
  notBefore: Date;
  /** The messages of earlier tries: an answer to one of them counts as well. */
  messageIds: string[];
}

/** How busy an agent is with turns: which run, and how many wait (gateway.md §9.2). `_id` = the agent. */
export interface GatewaySlots {
  _id: string;
  running: string[];
  chats: number;
  tasks: number;
  /** How many may run at once, as its owner has set it; absent: as many as usual. */
  max?: number;
}

/** Which turn a call with an `Idempotency-Key` has started (gateway.md §9.4). `_id`: SHA-256 of caller, call and key, hex. */
export interface GatewayReceipt {
  _id: string;
  /** SHA-256 of the body, hex. */
  bodyHash: string;
  executionId: string;
  expiresAt: Date;
}

/**
 * That a user has written to an agent of somebody else (gateway.md §1.2): until it has answered, once and for ever, the
 * user waits. `_id` = owner and agent.
 */
export interface GatewayContact {
  _id: string;
  ownerId: string;
  agentId: string;
  /** Who wrote the first turn: the agent's first message to it ends the waiting. */
  guestId: string;
  createdAt: Date;
}

export type TurnEventType = 'status' | 'text' | 'tool_call' | 'tool_result' | 'agent_done' | 'agent_error' | 'end';

/** What those who follow a turn are shown, in the order of `n`; never part of a flow's history. `_id` = execution and n. */
export interface GatewayEvent {
  _id: string;
  executionId: string;
  n: number;
  type: TurnEventType;
  data: Record<string, unknown>;
  at: Date;
  /** A day after the turn must have ended. */
  expiresAt: Date;
}

/** `_id` of the event: digits keep the order of numbers. */
export function turnEventId(executionId: string, n: number): string {
  return `${executionId}:${n.toString().padStart(8, '0')}`;
}

export const gatewaySessions = collection<GatewaySession>({
  schema: shape({
    _id: 'string',
    agentId: 'string',
    guestId: 'string',
    guestHandle: 'string',
    conversationId: STRING_OR_NULL,
    principal: 'string',
    ownerId: STRING_OR_NULL,
    kind: 'string',
    status: 'string',
    turns: 'array',
    startedAt: 'date',
    activeAt: 'date',
    lastMessageAt: DATE_OR_NULL,
    messageCount: NUMBER,
  }),
  indexes: [
    // settleReply: whose reply it is; one session for each guest and agent
    { name: 'guest', key: { guestId: 1, agentId: 1 }, unique: true },
    // findCurrentSession; one at most, however many turns begin at once
    {
      name: 'current',
      key: { principal: 1, agentId: 1 },
      unique: true,
      partialFilterExpression: { isCurrent: true },
    },
    // listSessions and countSessions of a caller, and of the agent's owner: lists of several kinds are merged; those of a
    // status, and those that began by a time, are picked out of the index
    {
      name: 'principal_kind_active',
      key: { principal: 1, agentId: 1, kind: 1, activeAt: -1, _id: -1, status: 1, startedAt: 1 },
    },
    { name: 'agent_kind_active', key: { agentId: 1, kind: 1, activeAt: -1, _id: -1, status: 1, startedAt: 1 } },
  ],
});

export const gatewayExecutions = collection<GatewayExecution>({
  schema: shape({
    _id: 'string',
    sessionId: 'string',
    agentId: 'string',
    guestId: 'string',
    principal: 'string',
    channel: 'string',
    status: 'string',
    message: 'string',
    messageId: STRING_OR_NULL,
    response: STRING_OR_NULL,
    replies: 'array',
    lastEvent: NUMBER,
    queuedAt: 'date',
    startedAt: DATE_OR_NULL,
    completedAt: DATE_OR_NULL,
    waitUntil: 'date',
    deadlineAt: 'date',
  }),
  indexes: [
    // findOpenTurns: those of a session that an answer may belong to
    {
      name: 'open_session',
      key: { sessionId: 1, queuedAt: 1 },
      partialFilterExpression: { status: { $in: ['queued', 'running'] } },
    },
    // cutTurns: those of an agent that has gone
    {
      name: 'open_agent',
      key: { agentId: 1, queuedAt: 1 },
      partialFilterExpression: { status: { $in: ['queued', 'running'] } },
    },
    // findOpenTurnsOfLink: those of a link that was revoked
    {
      name: 'open_link',
      key: { linkId: 1, queuedAt: 1 },
      partialFilterExpression: { linkId: { $exists: true }, status: { $in: ['queued', 'running'] } },
    },
    // leaveAgent: the next one that waits for an agent
    {
      name: 'waiting_agent',
      key: { agentId: 1, rank: 1, queuedAt: 1, _id: 1 },
      partialFilterExpression: { waitsFor: 'agent' },
    },
    // settleReply: the turn whose message an answer names; executions beside a session's messages
    { name: 'message', key: { messageId: 1 } },
    { name: 'reply', key: { 'replies.messageId': 1 } },
    // settleReply: the task whose earlier message an answer names
    {
      name: 'earlier_message',
      key: { 'tries.messageIds': 1 },
      partialFilterExpression: { 'tries.messageIds': { $exists: true } },
    },
    // listExecutions of a caller, and of the agent's owner: those of several channels are merged; those of a status are
    // picked out of the index. countTurns reads nothing else
    {
      name: 'principal_channel_queued',
      key: { principal: 1, agentId: 1, channel: 1, queuedAt: -1, _id: -1, status: 1, 'error.code': 1 },
    },
    {
      name: 'agent_channel_queued',
      key: { agentId: 1, channel: 1, queuedAt: -1, _id: -1, status: 1, 'error.code': 1 },
    },
    // readTools of a caller, and of the agent's owner: the few turns that told of tools
    {
      name: 'principal_tools',
      key: { principal: 1, agentId: 1, queuedAt: -1 },
      partialFilterExpression: { toolCalls: { $exists: true } },
    },
    {
      name: 'agent_tools',
      key: { agentId: 1, queuedAt: -1 },
      partialFilterExpression: { toolCalls: { $exists: true } },
    },
    // listExecutions, countTurns and readTools of one session
    { name: 'session_queued', key: { sessionId: 1, queuedAt: -1, _id: -1 } },
  ],
});

/** What an application calls with, for one owner (gateway.md §2). */
export interface GatewayKey {
  _id: string;
  ownerId: string;
  name: string;
  /** SHA-256 of the key, 64 hex. */
  keyHash: string;
  /** Its first characters, by which its owner tells it from others. */
  keyPrefix: string;
  /** The one agent that it is for; null: all. */
  agentId: string | null;
  /** The one team that it is for. Absent: it is not for a team. */
  teamId?: string;
  /** Signs what is posted to the application: sealed. */
  callbackSecret: SealedSecret;
  createdAt: Date;
  lastUsedAt: Date | null;
}

export const gatewayKeys = collection<GatewayKey>({
  schema: shape({
    _id: 'string',
    ownerId: 'string',
    name: 'string',
    keyHash: 'string',
    keyPrefix: 'string',
    agentId: STRING_OR_NULL,
    callbackSecret: 'object',
    createdAt: 'date',
    lastUsedAt: DATE_OR_NULL,
  }),
  indexes: [
    // findKey: authentication of every request with a key
    { name: 'key_hash', key: { keyHash: 1 }, unique: true },
    // listKeys: those of an owner, newest first
    { name: 'owner_created', key: { ownerId: 1, createdAt: -1, _id: 1 } },
  ],
});

export const gatewaySlots = collection<GatewaySlots>({
  schema: shape({ _id: 'string', running: 'array', chats: NUMBER, tasks: NUMBER }),
  indexes: [],
});

export const gatewayReceipts = collection<GatewayReceipt>({
  schema: shape({ _id: 'string', bodyHash: 'string', executionId: 'string', expiresAt: 'date' }),
  indexes: [{ name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 }],
});

export const gatewayContacts = collection<GatewayContact>({
  schema: shape({ _id: 'string', ownerId: 'string', agentId: 'string', guestId: 'string', createdAt: 'date' }),
  indexes: [],
});

export const gatewayEvents = collection<GatewayEvent>({
  schema: shape({ _id: 'string', executionId: 'string', n: NUMBER, type: 'string', data: 'object', at: 'date' }),
  // a turn's events are a range of `_id`
  indexes: [{ name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 }],
});
