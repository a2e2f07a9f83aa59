import { createTask, retryExecution } from '../../../contract/endpoints-tasks';
import { AppError } from '../../../contract/errors';
import { taskSchema, type TaskBody, type TaskReceiptView } from '../../../contract/gateway-tasks';
import {
  TURN_LIFE_SECONDS,
  TURN_MESSAGE_BYTES_MAX,
  TURN_WAIT_SECONDS_DEFAULT,
  TURN_WAIT_SECONDS_MAX,
} from '../../../contract/limits';
import { wireFile } from '../../../domain/turn-files';
import { acceptMsOf } from '../../../domain/turn-tries';
import { hasEnded } from '../../../domain/turns';
import { agentNameOf, presentAnswer } from '../../../presenters/gateway';
import { startOnce } from '../../../store/gateway/receipts';
import { createSideSession, loadSession } from '../../../store/gateway/sessions';
import { readToolEvents } from '../../../store/gateway/events';
import type { Agent } from '../../../store/schema/collections/agents';
import type { GatewayExecution, GatewaySession } from '../../../store/schema/collections/gateway';
import { gatewayRoute, type GatewayContext, type Reply, type Route } from '../../http/route';
import {
  chooseSession,
  countContact,
  findNamed,
  hintsOf,
  refuseOversize,
  type BegunTurn,
  type TurnCaller,
} from '../../turns/begin-turn';
import { findChatAgent, type FoundAgent } from '../../turns/find-agent';
import { givenFiles, keepFiles, type GivenFile } from '../../turns/given-files';
import { nameTurn } from '../../turns/name-turn';
import { receiptOf } from '../../turns/receipt-of';
import { awaitAnswer } from '../../turns/waiting-caller';
import { callbackOf } from './callbacks';
import { requireExecution } from './executions';
import type { GatewayDeps } from './gateway-deps';

/** Work that nobody has to wait for: gateway.md §9.1, §9.2. */
export function taskRoutes(deps: GatewayDeps): Route[] {
  return [
    gatewayRoute(createTask, (ctx) => create(ctx, deps)),
    gatewayRoute(retryExecution, (ctx) => retry(ctx, deps)),
  ];
}

async function create(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { files: given, ...body } = ctx.validate(taskSchema, await ctx.readBody());
  const mayWait = body.async_mode !== false;
  const found = await findChatAgent(deps, ctx.principal, ctx.params.name ?? '', { mayWait });
  const { principal, now } = ctx;
  const callback = await callbackOf(principal, body.callback_url, deps);
  const caller = { principal, now, receipt: await receiptOf(ctx, principal.key) };
  const begun = await beginTask(deps, caller, found, { ...body, callback, files: givenFiles(given) });
  ctx.forgetBody();
  nameTurn(ctx, begun);
  if (mayWait) return { status: 202, body: receiptView(found.agent, begun.execution) };
  const execution = await awaitAnswer(deps.turns, {
    ctx,
    agent: found.agent,
    execution: begun.execution,
    waitMs: waitMsOf(body),
    cancelsWhenGone: false,
  });
  const session = await loadSession(deps.database, execution.sessionId);
  const tools = await readToolEvents(deps.database, execution);
  const files = await deps.filesOf(execution);
  ctx.onSent(() => deps.reads.answered(execution));
  return {
    status: 200,
    body: { ...presentAnswer(found.agent, execution, session, tools, files), task_execution_id: execution._id },
  };
}

type GivenTask = Omit<TaskBody, 'files'> & { callback: Pick<GatewayExecution, 'callback'>; files: GivenFile[] };

/** For how long a caller waits that does wait. */
const waitMsOf = ({ timeout_seconds: seconds }: Pick<TaskBody, 'timeout_seconds'>): number =>
  Math.min(seconds, TURN_WAIT_SECONDS_MAX) * 1_000;

/**
 * Begins a task, in a session of its own unless the caller wants it in one of its chats. Whom nobody waits for holds its
 * session to its end: in a chat it takes its turn.
 */
function beginTask(deps: GatewayDeps, caller: TurnCaller, found: FoundAgent, body: GivenTask): Promise<BegunTurn> {
  const { database, turns } = deps;
  const { now } = caller;
  const hints = hintsOf(body);
  refuseOversize(body.message, TURN_MESSAGE_BYTES_MAX, { hints, files: body.files.map(wireFile) });
  const timeoutMs = body.timeout_seconds * 1_000;
  const deadlineAt = new Date(now.getTime() + timeoutMs);
  const max = body.max_attempts;
  const tries = { attempt: 1, max, acceptMs: acceptMsOf({ timeoutMs, max }), notBefore: now, messageIds: [] };
  return startOnce(database, caller.receipt, now, async (receipt) => {
    const named = await findNamed(database, caller.principal, found.agent._id, body.session_id);
    const contactOf = await countContact(deps, caller.principal, found);
    const session = named ?? (await taskSession(deps, caller, found.agent._id, body));
    return turns.start({
      session,
      channel: 'task',
      contactOf,
      message: body.message,
      files: await keepFiles(deps, session, body.files, now),
      wantsStream: false,
      hints,
      task: {
        priority: body.priority,
        ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
        ...(max === 1 ? {} : { tries }),
        ...body.callback,
      },
      receipt,
      waitUntil: body.async_mode === false ? new Date(now.getTime() + waitMsOf(body)) : deadlineAt,
      deadlineAt,
      now,
    });
  });
}

function taskSession(
  { database }: GatewayDeps,
  caller: TurnCaller,
  agentId: string,
  { save_to_session: isSaved, new_session: isNew }: Pick<TaskBody, 'save_to_session' | 'new_session'>,
): Promise<GatewaySession> {
  return isSaved === true || isNew === true
    ? chooseSession(database, caller, agentId, isNew)
    : createSideSession(database, caller.principal, agentId, caller.now, 'task');
}

const receiptView = (agent: Agent, { _id, message, queuedBehind, retryOf }: GatewayExecution): TaskReceiptView => ({
  status: queuedBehind > 0 ? 'queued' : 'accepted',
  execution_id: _id,
  agent_name: agentNameOf(agent),
  message,
  async_mode: true,
  ...(retryOf === undefined ? {} : { retry_of: retryOf }),
});

/** Does it again in its session, for as long as it had; who wants to wait for it follows its stream. */
async function retry(ctx: GatewayContext, deps: GatewayDeps): Promise<Reply> {
  const { found, execution: failed } = await requireExecution(ctx, deps);
  if (failed.principal !== ctx.principal.key) throw new AppError('EXECUTION_NOT_FOUND');
  if (!hasEnded(failed.status) || failed.status === 'completed') {
    throw new AppError('TURN_CLOSED', undefined, undefined, 'Only what failed or was cancelled can be done again');
  }
  const isTask = failed.channel === 'task';
  await findChatAgent(deps, ctx.principal, ctx.params.name ?? '', { mayWait: isTask });
  const { now } = ctx;
  const lifeMs = isTask ? failed.deadlineAt.getTime() - failed.queuedAt.getTime() : TURN_LIFE_SECONDS * 1_000;
  const deadlineAt = new Date(now.getTime() + lifeMs);
  const { tries, priority, metadata, callback } = failed;
  const execution = await deps.turns.start({
    session: await loadSession(deps.database, failed.sessionId),
    channel: failed.channel,
    contactOf: await countContact(deps, ctx.principal, found),
    message: failed.message,
    files: failed.files,
    wantsStream: failed.wantsStream,
    hints: failed.hints,
    task: {
      ...(priority === undefined ? {} : { priority }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(tries === undefined ? {} : { tries: { ...tries, attempt: 1, notBefore: now, messageIds: [] } }),
      ...(callback === undefined ? {} : { callback }),
    },
    retryOf: failed._id,
    waitUntil: isTask ? deadlineAt : new Date(now.getTime() + TURN_WAIT_SECONDS_DEFAULT * 1_000),
    deadlineAt,
    now,
  });
  nameTurn(ctx, { execution, isReplay: false });
  return { status: 202, body: receiptView(found.agent, execution) };
}
