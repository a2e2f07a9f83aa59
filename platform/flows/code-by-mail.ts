import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowUpdateStage,
} from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { AppError } from '../../contract/errors';
import { FLOW_ACCEPT_MS } from '../../contract/limits';
import {
  askedSignal,
  beginUpdate,
  codeFlowId,
  committedSignal,
  verifyUpdate,
  type BeginAnswer,
  type CodeFlowName,
  type Commit,
  type VerifyAnswer,
} from '../../workflows/messages/code-by-mail';
import { AGENT_HANDLE } from '../../workflows/messages/search-attributes';
import { TASK_QUEUES } from '../../workflows/messages/task-queues';
import type { FlowTypes } from '../../workflows/messages/flows';
import { isGone, unavailable, type FlowClient } from './flow-client';

/** How long the mail of an accepted call may take: longer than the flow gives it, so that the flow has the last word. */
const MAIL_MS = 35_000;
/** How long a comparison may take; a worker that is being restarted is waited for. */
const ANSWER_MS = 20_000;

const SUMMARY: Record<CodeFlowName, string> = {
  registration: 'Registration',
  recovery: 'Key recovery',
  rotation: 'Key rotation',
  'sign-in': 'Sign-in to the dashboard',
  visit: 'Address of a visitor',
};

/** The workflow functions that run the flows. */
const WORKFLOW_TYPES: Record<CodeFlowName, keyof FlowTypes> = {
  registration: 'registration',
  recovery: 'recovery',
  rotation: 'rotation',
  'sign-in': 'signIn',
  visit: 'visit',
};

/** The client's side of the flows that mail a code. */
export interface CodeFlows {
  codeFlowId(flow: CodeFlowName, pendingId: string): string;
  /** Starts the flow and waits until its code was mailed. `handle` null = no agent's. @throws AppError OTP_*, SERVICE_UNAVAILABLE */
  mailCode(flow: Exclude<CodeFlowName, 'recovery'>, pendingId: string, handle: string | null): Promise<void>;
  /** @throws AppError SERVICE_UNAVAILABLE while the flow engine cannot be reached, as of two seconds ago at most */
  assertReachable(): Promise<void>;
  /**
   * Starts the flow, or finds it started, and asks it for the `ask`-th mail. `handle` null = a decoy. May be repeated.
   * @throws AppError SERVICE_UNAVAILABLE
   */
  askRecovery(pendingId: string, handle: string | null, ask: number): Promise<void>;
  /** Lets the flow rule on a code. @throws AppError INVALID_CODE, EXPIRED, OTP_ATTEMPTS_EXHAUSTED, SERVICE_UNAVAILABLE */
  verifyCode(flow: CodeFlowName, pendingId: string, proof: string): Promise<void>;
  /** Signals a flow that its commit happened; a flow that has ended is no error. */
  signalCommitted(workflowId: string, commit: Commit): Promise<void>;
}

export function createCodeFlows(flows: FlowClient): CodeFlows {
  return {
    codeFlowId,
    mailCode: async (flow, pendingId, handle) => {
      await flows.assertReady();
      const answer = await begin(flows, flow, pendingId, handle).catch((error: unknown) => {
        flows.metrics.flowStarts.inc({ flow, outcome: 'unavailable' });
        throw error;
      });
      flows.metrics.flowStarts.inc({ flow, outcome: answer.kind });
      refuseBegin(answer);
    },
    assertReachable: async () => {
      if (!(await flows.isUp())) throw unavailable();
      await flows.assertReady();
    },
    askRecovery: (pendingId, handle, ask) => askRecovery(flows, pendingId, handle, ask),
    verifyCode: async (flow, pendingId, proof) => refuseVerify(await verify(flows, codeFlowId(flow, pendingId), proof)),
    signalCommitted: async (workflowId, commit) => {
      const handle = flows.client.workflow.getHandle(workflowId);
      await flows
        .within(FLOW_ACCEPT_MS, () => handle.signal(committedSignal, commit))
        .catch((error: unknown) => {
          if (!isGone(error)) throw error;
        });
    },
  };
}

/** Operators find every flow of an agent by its handle, from its start on; decoys by nothing, sign-ins by their stage. */
function startOptions(flow: CodeFlowName, pendingId: string, handle: string | null) {
  const found = handle === null ? [] : [{ key: AGENT_HANDLE, value: handle }];
  return {
    workflowId: codeFlowId(flow, pendingId),
    taskQueue: TASK_QUEUES.accounts,
    args: [{ pendingId, handle, hasSearchAttributes: true }] as Parameters<FlowTypes['registration']>,
    staticSummary: handle === null ? SUMMARY[flow] : `${SUMMARY[flow]} of @${handle}`,
    typedSearchAttributes: new TypedSearchAttributes(found),
  };
}

/**
 * One call starts the flow or finds it, and tells it of the ask: the same steps whether it runs or not. One that has
 * ended is not started again: its pending is over.
 */
async function askRecovery(
  { client, log, metrics, within }: FlowClient,
  pendingId: string,
  handle: string | null,
  ask: number,
): Promise<void> {
  const options = startOptions('recovery', pendingId, handle);
  try {
    await within(FLOW_ACCEPT_MS, () =>
      client.workflow.signalWithStart<FlowTypes['recovery'], [{ ask: number }]>('recovery', {
        ...options,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        signal: askedSignal,
        signalArgs: [{ ask }],
      }),
    );
    metrics.flowStarts.inc({ flow: 'recovery', outcome: 'started' });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return;
    log.warn({ event: 'flow.unavailable', flow: 'recovery', workflowId: options.workflowId, err: error });
    throw unavailable();
  }
}

/**
 * One call starts the flow and asks it to mail. Not accepted within 4 s → 503, and the flow is ended; a worker that
 * takes it later sees from `answerBy` that nobody waits any more. So a refused call never mails.
 */
async function begin(
  { client, log, within }: FlowClient,
  flow: CodeFlowName,
  pendingId: string,
  handle: string | null,
): Promise<BeginAnswer> {
  // The flows that mail when asked have one shape: the type of one serves for all.
  const options = startOptions(flow, pendingId, handle);
  const { workflowId } = options;
  const startWorkflowOperation = new WithStartWorkflowOperation<FlowTypes['registration']>(WORKFLOW_TYPES[flow], {
    ...options,
    workflowIdConflictPolicy: 'FAIL',
  });
  const answerBy = Date.now() + FLOW_ACCEPT_MS;
  try {
    const handleOfUpdate = await within(FLOW_ACCEPT_MS, () =>
      client.workflow.startUpdateWithStart(beginUpdate, {
        args: [{ answerBy }],
        waitForStage: WorkflowUpdateStage.ACCEPTED,
        startWorkflowOperation,
      }),
    );
    return await within(MAIL_MS, () => handleOfUpdate.result());
  } catch (error) {
    log.warn({ event: 'flow.unavailable', flow, workflowId, err: error });
    // Best effort and not waited for: `answerBy` already keeps a late worker from mailing.
    void within(ANSWER_MS, () => client.workflow.getHandle(workflowId).terminate('the caller was told 503')).catch(
      () => undefined,
    );
    throw unavailable();
  }
}

async function verify({ client, within }: FlowClient, workflowId: string, proof: string): Promise<VerifyAnswer> {
  try {
    return await within(ANSWER_MS, () =>
      client.workflow.getHandle(workflowId).executeUpdate(verifyUpdate, { args: [{ proof }] }),
    );
  } catch (error) {
    if (isGone(error)) return { kind: 'expired' };
    throw unavailable();
  }
}

function refuseBegin(answer: BeginAnswer): void {
  switch (answer.kind) {
    case 'mailed':
      return;
    case 'cooldown':
      throw new AppError('OTP_COOLDOWN', { retry_after_ms: answer.retryAfterMs }, answer.retryAfterMs);
    case 'hourly_cap':
      throw new AppError('OTP_HOURLY_CAP', { retry_after_ms: answer.retryAfterMs }, answer.retryAfterMs);
    case 'mail_failed':
      throw new AppError('OTP_FAILED');
    case 'too_late':
      throw unavailable();
  }
}

function refuseVerify(answer: VerifyAnswer): void {
  switch (answer.kind) {
    case 'consumed':
      return;
    case 'wrong':
      throw new AppError('INVALID_CODE');
    case 'exhausted':
      throw new AppError('OTP_ATTEMPTS_EXHAUSTED');
    case 'expired':
      throw new AppError('EXPIRED');
  }
}
