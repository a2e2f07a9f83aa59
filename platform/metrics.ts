import { Registry, collectDefaultMetrics, Counter, Histogram, Gauge } from 'prom-client';

/** The metrics of one process. Labels never carry handles, ids or addresses: their number must stay small. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'agentchat_http_request_seconds',
      help: 'Request latency by route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    sends: new Counter({
      name: 'agentchat_sends_total',
      help: 'Sends by outcome: accepted, replayed or the refusal code',
      labelNames: ['outcome'],
      registers,
    }),
    commitItems: new Histogram({
      name: 'agentchat_commit_items',
      help: 'Sends and acks in one commit',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'agentchat_commit_seconds',
      help: 'Load, decide and commit of one batch',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
      registers,
    }),
    commitConflicts: new Counter({
      name: 'agentchat_commit_conflicts_total',
      help: 'Commits that were tried again because another process wrote the same documents',
      registers,
    }),
    ...createOutboxMetrics(registers),
    ...createPageMetrics(registers),
    ...createDashboardMetrics(registers),
    ...createFlowMetrics(registers),
    ...createWebhookMetrics(registers),
  };
}

function createOutboxMetrics(registers: Registry[]) {
  return {
    outboxFailures: new Counter({
      name: 'agentchat_outbox_failures_total',
      help: 'Tries of rows of the outbox that failed, by kind: the row waits, others of its kind go on',
      labelNames: ['kind'],
      registers,
    }),
    outboxFailed: new Gauge({
      name: 'agentchat_outbox_failed',
      help: 'Rows of the outbox whose last try failed, by kind, all workers together, counted up to 10,000',
      labelNames: ['kind'],
      registers,
    }),
  };
}

function createPageMetrics(registers: Registry[]) {
  return {
    pageBytes: new Gauge({
      name: 'agentchat_page_bytes',
      help: 'Bytes of pages of messages that were read and that their clients have not taken yet',
      registers,
    }),
    pagesCut: new Counter({
      name: 'agentchat_pages_cut_total',
      help: 'Pages whose connection was cut because the client did not take them in time',
      registers,
    }),
  };
}

function createDashboardMetrics(registers: Registry[]) {
  return {
    dashboardSockets: new Gauge({
      name: 'agentchat_dashboard_sockets',
      help: 'Open dashboards of owners on this node',
      registers,
    }),
    dashboardFrames: new Counter({
      name: 'agentchat_dashboard_frames_total',
      help: 'Frames handed to open dashboards, by type',
      labelNames: ['type'],
      registers,
    }),
    dashboardDrops: new Counter({
      name: 'agentchat_dashboard_drops_total',
      help: 'What open dashboards were not told, by reason: they read it with their next view',
      labelNames: ['reason'],
      registers,
    }),
  };
}

function createFlowMetrics(registers: Registry[]) {
  return {
    sockets: new Gauge({ name: 'agentchat_sockets', help: 'Authenticated sockets on this node', registers }),
    pushes: new Counter({ name: 'agentchat_pushes_total', help: 'message.new frames handed to sockets', registers }),
    pushSeconds: new Histogram({
      name: 'agentchat_push_lag_seconds',
      help: 'From the commit of a message to its frame on a live socket of this node',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    enforcementTransitions: new Counter({
      name: 'agentchat_enforcement_transitions_total',
      help: 'Accounts that were restricted, suspended, lifted or reinstated, each counted once by the worker that settled it',
      labelNames: ['from', 'to', 'source'],
      registers,
    }),
    activityFailures: new Counter({
      name: 'agentchat_activity_failures_total',
      help: 'Runs of activities that failed, by activity and kind: refused, called_off, outage or unexpected',
      labelNames: ['activity', 'kind'],
      registers,
    }),
    flowStarts: new Counter({
      name: 'agentchat_flow_starts_total',
      help: 'Temporal flows started, by flow and outcome',
      labelNames: ['flow', 'outcome'],
      registers,
    }),
  };
}

function createWebhookMetrics(registers: Registry[]) {
  return {
    webhookAttempts: new Counter({
      name: 'agentchat_webhook_attempts_total',
      help: 'Webhook attempts by outcome (class of the status, or the fault), first ones and retries',
      labelNames: ['outcome', 'attempt'],
      registers,
    }),
    webhookAttemptSeconds: new Histogram({
      name: 'agentchat_webhook_attempt_seconds',
      help: 'One webhook exchange, up to the end of the answer that is read',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    webhookDeadLetters: new Counter({
      name: 'agentchat_webhook_dead_letters_total',
      help: 'Deliveries that were given up after their last attempt',
      registers,
    }),
    webhookDeadLettersLastHour: new Gauge({
      name: 'agentchat_webhook_dead_letters_last_hour',
      help: 'Deliveries given up within the last hour, all workers together, counted up to 10,000',
      registers,
    }),
    webhookCircuitsOpened: new Counter({
      name: 'agentchat_webhook_circuits_opened_total',
      help: 'Endpoints that get a cool-down for failing too often',
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
