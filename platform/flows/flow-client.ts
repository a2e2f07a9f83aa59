import {
  Client,
  Connection,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  type Workflow,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { AppError } from '../../contract/errors';
import { FLOW_ACCEPT_MS } from '../../contract/limits';
import type { FlowTypes } from '../../workflows/messages/flows';
import { SEARCH_ATTRIBUTES } from '../../workflows/messages/search-attributes';
import type { Config } from '../config';
import type { Logger } from '../logger';
import type { Metrics } from '../metrics';
import { temporalConnectionOptions } from '../temporal-connection';
import { createBeforeTelling, type IsToBeTold } from './before-telling';

/** How long clients wait before they try a flow again. */
const RETRY_MS = 5_000;
/** How long one probe of the server's health may take, and how long its answer serves. */
const PROBE_MS = 1_000;
const PROBE_AGE_MS = 2_000;
/** Of gRPC: the server does not know a name in the query. */
const INVALID_ARGUMENT = 3;

export interface FlowClientDeps {
  config: Config;
  metrics: Metrics;
  log: Logger;
}

/** What all flows need of the client: deadlines, readiness, starts that may repeat. */
export interface FlowClient {
  client: Client;
  metrics: Metrics;
  log: Logger;
  /** Runs calls with a deadline: a server that is down must not keep a caller waiting. */
  within<T>(ms: number, work: () => Promise<T>): Promise<T>;
  /** @throws AppError SERVICE_UNAVAILABLE unless the server answers and knows our search attributes */
  assertReady(): Promise<void>;
  /**
   * Starts a flow whose id is its idempotency key: one that runs already, or ran and ended, is success.
   * @throws the client's error when the server does not take it; whether it was started is then unknown
   */
  startOnce<Name extends keyof FlowTypes>(name: Name, options: StartOnceOptions<FlowTypes[Name]>): Promise<void>;
  isToBeTold: IsToBeTold;
  /** Whether the server answers; probed every two seconds at most. */
  isUp(): Promise<boolean>;
  close(): Promise<void>;
}

export type StartOnceOptions<W extends Workflow> = Omit<
  WorkflowStartOptions<W>,
  'workflowIdConflictPolicy' | 'workflowIdReusePolicy'
>;

export function createFlowClient({ config, metrics, log }: FlowClientDeps): FlowClient {
  const connection = Connection.lazy(temporalConnectionOptions(config));
  const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  const isReady = createReadinessCheck(connection, config.TEMPORAL_NAMESPACE, log);
  const within: FlowClient['within'] = (ms, work) => client.withDeadline(Date.now() + ms, work);
  return {
    client,
    metrics,
    log,
    within,
    assertReady: async () => {
      if (!(await isReady())) throw unavailable();
    },
    startOnce: async <Name extends keyof FlowTypes>(name: Name, options: StartOnceOptions<FlowTypes[Name]>) => {
      // The parse point of generic options: the client's own type cannot follow a workflow type that is a parameter.
      const once = { ...options, workflowIdReusePolicy: 'REJECT_DUPLICATE' } as unknown as WorkflowStartOptions<
        FlowTypes[Name]
      >;
      await within(FLOW_ACCEPT_MS, () => client.workflow.start<FlowTypes[Name]>(name, once)).then(
        () => metrics.flowStarts.inc({ flow: name, outcome: 'started' }),
        (error: unknown) => {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        },
      );
    },
    isToBeTold: createBeforeTelling({ client, metrics, within, isGone }),
    isUp: createProbe(connection),
    close: () => connection.close(),
  };
}

/** What callers of a flow get while it cannot be reached. */
export function unavailable(): AppError {
  return new AppError('SERVICE_UNAVAILABLE', undefined, RETRY_MS);
}

/** gRPC NOT_FOUND, or an update that its flow ended without answering: there is no such flow any more. */
export function isGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'WorkflowNotFoundError' || error.name === 'WorkflowUpdateFailedError';
}

/**
 * True once the namespace has our search attributes: a start with an unknown one fails. Remembered when true. A search by
 * them is asked for, which whoever may start flows may do; to list attributes takes rights of an operator.
 */
function createReadinessCheck(connection: Connection, namespace: string, log: Logger): () => Promise<boolean> {
  let isReady = false;
  return async () => {
    if (isReady) return true;
    try {
      const query = SEARCH_ATTRIBUTES.map((name) => `${name} = 'none'`).join(' AND ');
      await connection.withDeadline(Date.now() + PROBE_MS, () =>
        connection.workflowService.countWorkflowExecutions({ namespace, query }),
      );
      isReady = true;
    } catch (error) {
      if (isGrpcServiceError(error) && error.code === INVALID_ARGUMENT) {
        log.error({ event: 'flows.search_attributes_missing', mend: 'npm run setup:temporal' });
      } else {
        log.warn({ event: 'flows.unreachable', err: error });
      }
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
