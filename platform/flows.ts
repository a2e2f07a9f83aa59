import {
  Client,
  Connection,
  WithStartWorkflowOperation,
  WorkflowUpdateStage,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { AppError } from '../contract/errors';
import { FLOW_ACCEPT_MS } from '../contract/limits';
import type { Logger } from './logger';
import type { Config } from './config';
import type { Metrics } from './metrics';
import { temporalConnectionOptions } from './temporal-connection';
import { registrationId, SEARCH_ATTRIBUTES, TASK_QUEUES } from '../workflows/ids';
import { beginUpdate, committedSignal, verifyUpdate, type BeginAnswer, type VerifyAnswer } from '../workflows/messages';
import type { registration } from '../workflows';

/** How long the rest of an accepted call may take: a mail with its timeouts, or a comparison. */
const ANSWER_MS = 20_000;
/** How long clients wait before they try a flow again. */
const RETRY_MS = 5_000;
/** How long one look at the server's health may take, and how long its answer serves. */
const PROBE_MS = 1_000;
const PROBE_AGE_MS = 2_000;

/** The one typed client of the durable flows. */
export interface Flows {
  registrationId(pendingId: string): string;
  /** Starts the flow and waits until its code was mailed. @throws AppError OTP_*, SERVICE_UNAVAILABLE */
  startRegistration(pendingId: string, handle: string): Promise<void>;
  /** Lets the flow rule on a code. @throws AppError INVALID_CODE, EXPIRED, OTP_ATTEMPTS_EXHAUSTED, SERVICE_UNAVAILABLE */
  verifyRegistration(pendingId: string, proof: string): Promise<void>;
  /** Tells a flow that its commit happened; a flow that has ended is no error. */
  signalCommitted(workflowId: string): Promise<void>;
  /** Whether the server answers; looked at every two seconds at most. */
  isUp(): Promise<boolean>;
  close(): Promise<void>;
}

export function createFlows(deps: { config: Config; metrics: Metrics; log: Logger }): Flows {
  const connection = Connection.lazy(temporalConnectionOptions(deps.config));
  const client = new Client({ connection, namespace: deps.config.TEMPORAL_NAMESPACE });
  const isReady = createReadinessCheck(connection, deps.config.TEMPORAL_NAMESPACE, deps.log);
  return {
    registrationId,
    startRegistration: async (pendingId, handle) => {
      if (!(await isReady())) throw unavailable();
      const answer = await begin(client, pendingId, handle, deps).catch((error: unknown) => {
        deps.metrics.flowStarts.inc({ flow: 'registration', outcome: 'unavailable' });
        throw error;
      });
      deps.metrics.flowStarts.inc({ flow: 'registration', outcome: answer.kind });
      refuseBegin(answer);
    },
    verifyRegistration: async (pendingId, proof) => refuseVerify(await verify(client, pendingId, proof)),
    signalCommitted: async (workflowId) => {
      await within(client, FLOW_ACCEPT_MS, () => client.workflow.getHandle(workflowId).signal(committedSignal)).catch(
        (error: unknown) => {
          if (!isGone(error)) throw error;
        },
      );
    },
    isUp: createProbe(connection),
    close: () => connection.close(),
  };
}

/**
 * One call starts the flow and asks it to mail. Not accepted within 4 s → 503, and the flow is ended; a worker that
 * takes it later sees from `answerBy` that nobody waits any more. So a refused call never mails.
 */
async function begin(client: Client, pendingId: string, handle: string, deps: { log: Logger }): Promise<BeginAnswer> {
  const workflowId = registrationId(pendingId);
  const options: WorkflowStartOptions<typeof registration> & { workflowIdConflictPolicy: 'FAIL' } = {
    workflowId,
    workflowIdConflictPolicy: 'FAIL',
    taskQueue: TASK_QUEUES.accounts,
    args: [{ pendingId, handle, hasSearchAttributes: true }],
    staticSummary: `Registration of @${handle}`,
  };
  const startWorkflowOperation = new WithStartWorkflowOperation<typeof registration>('registration', options);
  const answerBy = Date.now() + FLOW_ACCEPT_MS;
  try {
    const handleOfUpdate = await within(client, FLOW_ACCEPT_MS, () =>
      client.workflow.startUpdateWithStart(beginUpdate, {
        args: [{ answerBy }],
        waitForStage: WorkflowUpdateStage.ACCEPTED,
        startWorkflowOperation,
      }),
    );
    return await within(client, ANSWER_MS, () => handleOfUpdate.result());
  } catch (error) {
    deps.log.warn({ event: 'flow.unavailable', flow: 'registration', workflowId, err: error });
    // Best effort and not waited for: `answerBy` already keeps a late worker from mailing.
    void within(client, ANSWER_MS, () =>
      client.workflow.getHandle(workflowId).terminate('the caller was told 503'),
    ).catch(() => undefined);
    throw unavailable();
  }
}

async function verify(client: Client, pendingId: string, proof: string): Promise<VerifyAnswer> {
  try {
    return await within(client, ANSWER_MS, () =>
      client.workflow.getHandle(registrationId(pendingId)).executeUpdate(verifyUpdate, { args: [{ proof }] }),
    );
  } catch (error) {
    if (isGone(error)) return { kind: 'expired' };
    throw unavailable();
  }
}

/** Deadlines of the connection: a server that is down must not keep a caller waiting. */
function within<T>(client: Client, ms: number, work: () => Promise<T>): Promise<T> {
  return client.withDeadline(Date.now() + ms, work);
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

function unavailable(): AppError {
  return new AppError('SERVICE_UNAVAILABLE', undefined, RETRY_MS);
}

/** gRPC NOT_FOUND, or an update that its flow ended without answering: there is no such flow any more. */
function isGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'WorkflowNotFoundError') return true;
  return error.name === 'WorkflowUpdateFailedError';
}

/** True once the namespace has our search attributes: a start with an unknown one fails. Remembered when true. */
function createReadinessCheck(connection: Connection, namespace: string, log: Logger): () => Promise<boolean> {
  let isReady = false;
  return async () => {
    if (isReady) return true;
    try {
      const known = await connection.withDeadline(Date.now() + PROBE_MS, () =>
        connection.operatorService.listSearchAttributes({ namespace }),
      );
      isReady = SEARCH_ATTRIBUTES.every((name) => name in (known.customAttributes ?? {}));
      if (!isReady) log.error({ event: 'flows.search_attributes_missing', mend: 'npm run setup:temporal' });
    } catch (error) {
      log.warn({ event: 'flows.unreachable', err: error });
    }
    return isReady;
  };
}

function createProbe(connection: Connection): () => Promise<boolean> {
  let last = { at: 0, isUp: false };
  return async () => {
    if (Date.now() - last.at < PROBE_AGE_MS) return last.isUp;
    const isUp = await connection
      .withDeadline(Date.now() + PROBE_MS, () => connection.workflowService.getSystemInfo({}))
      .then(
        () => true,
        () => false,
      );
    last = { at: Date.now(), isUp };
    return isUp;
  };
}
