import { AppError } from '../../../contract/errors';
import { normaliseHandle } from '../../../contract/handles';
import { ID_PREFIX } from '../../../contract/ids';
import { holdsInfinity, inSentOrder, jsonDepth, mayOverflow, mayReorder, memberSource } from '../../../contract/json';
import { BACKLOG_WARNING, CONTENT_BYTES_MAX, JSON_DEPTH_MAX } from '../../../contract/limits';
import { sendMessageSchema } from '../../../contract/messages';
import { sendMessage } from '../../../contract/endpoints';
import type { Metrics } from '../../../platform/metrics';
import type { Committer } from '../../../store/sending/committer';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Message } from '../../../store/schema/collections/messages';
import type { Database } from '../../../store/schema/database';
import { isInDirect } from '../../../store/contacts/pairs';
import { loadGroupCards } from '../../../store/inbox/inbox';
import { describeReplay } from '../../../store/sending/sends';
import { presentMessage, STORED } from '../../../presenters/message';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';

export interface MessageDeps {
  database: Database;
  committer: Committer;
  metrics: Metrics;
}

/** Never leaves the server: the caller is looked up and the call repeated. */
const UNPROVEN: Reply = { status: 401 };

/** `POST /v1/messages`: messaging.md §3. */
export function messageRoutes(deps: MessageDeps): Route[] {
  return [
    agentRoute(sendMessage, async (ctx) => {
      const { isCachedCaller } = ctx;
      const reply = await send(ctx, deps).catch((error: unknown) => {
        const outcome = error instanceof AppError ? error.code : 'failed';
        if (!isCachedCaller) deps.metrics.sends.inc({ outcome });
        throw error;
      });
      if (reply.isProven || !isCachedCaller) {
        deps.metrics.sends.inc({ outcome: reply.status === 201 ? 'accepted' : 'replayed' });
      }
      return reply;
    }),
  ];
}

async function send(ctx: AgentContext, deps: MessageDeps): Promise<Reply> {
  const body = await readSend(ctx);
  const { agent } = ctx;
  const target = targetOf(body);
  const command = {
    sender: {
      id: agent._id,
      handle: agent.handle,
      isSystem: agent.isSystem,
      keyVersion: agent.keyVersion,
      isCached: ctx.isCachedCaller,
    },
    clientMsgId: body.client_msg_id,
    type: body.type ?? 'text',
    content: body.content,
    metadata: body.metadata,
    attachmentId: body.attachmentId,
  };
  const sending = deps.committer.send({ ...command, ...target });
  const outcome = await ('to' in target ? sending : sending.catch((error) => explain(deps, agent, target, error)));
  if (outcome.kind === 'unproven') return UNPROVEN;
  if (outcome.kind === 'replayed') return presentReplay(deps, agent, outcome.message);
  const warns = 'to' in target && outcome.backlog !== null;
  return {
    status: 201,
    isProven: true,
    json: presentMessage(outcome.message, outcome.sender, { ...STORED, skipped: outcome.skipped }, outcome.group),
    headers: warns ? { 'X-Backlog-Warning': `${target.to}=${outcome.backlog}` } : {},
  };
}

/** The schema lets exactly one of the two through. */
function targetOf(body: { to?: string; conversation_id?: string }): { to: string } | { groupId: string } {
  return body.to === undefined ? { groupId: body.conversation_id ?? '' } : { to: normaliseHandle(body.to) };
}

/** Checks 2 to 4: JSON, schema, size. The texts that it returns are what is stored and shown everywhere. */
async function readSend(ctx: AgentContext) {
  const body = ctx.validate(sendMessageSchema, await ctx.readBody());
  const text = await ctx.readText();
  // What is not kept may hold anything: unknown members are dropped.
  if (mayOverflow(text) && (holdsInfinity(body.content) || holdsInfinity(body.metadata))) throw tooLargeNumber();
  const written = { content: JSON.stringify(body.content), metadata: JSON.stringify(body.metadata ?? {}) };
  // `data` lies one level inside of `content`.
  if (jsonDepth(written.content) - 1 > JSON_DEPTH_MAX || jsonDepth(written.metadata) > JSON_DEPTH_MAX) throw tooDeep();
  const bytes =
    Buffer.byteLength(written.content) + (body.metadata === undefined ? 0 : Buffer.byteLength(written.metadata));
  if (bytes > CONTENT_BYTES_MAX) throw new AppError('CONTENT_TOO_LARGE', { max_bytes: CONTENT_BYTES_MAX });
  const attachmentId = 'attachment_id' in body.content ? (body.content.attachment_id ?? null) : null;
  // Behind the size, which the order of keys does not change: it goes through the text once more.
  return { ...body, ...(mayReorder(text) ? inOrder(body, text) : written), attachmentId };
}

/** `data` and `metadata` with their keys in the order in which they were sent (messaging.md §3.1). */
function inOrder({ content, metadata }: { content: object; metadata?: object }, text: string) {
  const sent = text.slice(text.indexOf('{'));
  const sentContent = memberSource(sent, 'content') ?? '';
  const sentData = sentContent.startsWith('{') ? memberSource(sentContent, 'data') : null;
  const textOf = (key: string, value: unknown): string =>
    key === 'data' && sentData !== null ? inSentOrder(sentData) : JSON.stringify(value);
  const members = Object.entries(content).flatMap(([key, value]: [string, unknown]) =>
    value === undefined ? [] : [`"${key}":${textOf(key, value)}`],
  );
  return {
    content: `{${members.join(',')}}`,
    metadata: metadata === undefined ? '{}' : inSentOrder(memberSource(sent, 'metadata') ?? '{}'),
  };
}

function tooDeep(): AppError {
  return invalid(`data and metadata may nest ${JSON_DEPTH_MAX} levels deep`);
}

function tooLargeNumber(): AppError {
  return invalid('A number in data or metadata is too large for JSON');
}

function invalid(message: string): AppError {
  return new AppError('VALIDATION_ERROR', undefined, undefined, message);
}

/** Check G1, where no group was found: direct conversations are addressed by handle. */
async function explain(
  deps: MessageDeps,
  agent: Agent,
  { groupId: conversationId }: { groupId: string },
  error: unknown,
): Promise<never> {
  const isUnknown = error instanceof AppError && error.code === 'GROUP_NOT_FOUND';
  if (!isUnknown || conversationId.startsWith(ID_PREFIX.group)) throw error;
  if (!(await isInDirect(deps.database, conversationId, agent._id))) throw error;
  throw invalid('Write to a direct conversation with `to`');
}

/** 200: the original, whatever the new body says, with its recipient's state of now (messaging.md §2, §6). */
async function presentReplay(deps: MessageDeps, sender: Agent, message: Message): Promise<Reply> {
  if (message.recipientId === null) return presentGroupReplay(deps, sender, message);
  const state = await describeReplay(deps.database, message);
  const warning = `${state.recipientHandle}=${state.undelivered}`;
  return {
    status: 200,
    json: presentMessage(message, sender, state),
    headers: {
      'Idempotent-Replay': 'true',
      ...(state.undelivered >= BACKLOG_WARNING ? { 'X-Backlog-Warning': warning } : {}),
    },
  };
}

/** Many envelopes have no one state: a group replay shows the message as it was accepted. */
async function presentGroupReplay(deps: MessageDeps, sender: Agent, message: Message): Promise<Reply> {
  const groups = await loadGroupCards(deps.database, [message.conversationId]);
  return {
    status: 200,
    json: presentMessage(message, sender, STORED, groups.get(message.conversationId) ?? null),
    headers: { 'Idempotent-Replay': 'true' },
  };
}
