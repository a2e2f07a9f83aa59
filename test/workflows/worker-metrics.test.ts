import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { freePort } from '../../local/ports';
import { projectRoot } from '../../local/root';
import { newOutboxId } from '../../platform/ids';
import { createMetrics } from '../../platform/metrics';
import { fieldsOf } from '../../worker/temporal-runtime';
import { call } from '../support/agents';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

const TOKEN = 'figures-are-for-operators';

describe('the figures of a worker', () => {
  let port = 0;
  beforeAll(async () => {
    port = await freePort();
  });
  const used = useStack(() => ({ env: { WORKER_METRICS_PORT: String(port), METRICS_TOKEN: TOKEN } }));

  const scrape = async (from: string): Promise<string> => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    return (await fetch(`${from}/internal/metrics`, { headers })).text();
  };
  const ofWorker = () => scrape(`http://127.0.0.1:${port}`);
  /** Of a worker that has done something. */
  const untilBusy = () =>
    waitFor(async () => {
      const text = await ofWorker();
      return /temporal_activity_schedule_to_start_latency_count\{[^}]*task_queue="accounts"/.test(text) ? text : null;
    });

  beforeAll(async () => {
    await call(used.url(), 'POST', '/v1/register', { body: { handle: 'counted', email: 'counted@example.com' } });
  });

  test('tell what waits: flows by type and state, the oldest row of each kind, calls without a connection', async () => {
    // A kind that no relay takes: its row waits for ever.
    const createdAt = new Date(Date.now() - 3_600_000);
    await used.database.db
      .collection('outbox')
      .insertOne({ _id: newOutboxId() as never, kind: 'of.nobody', createdAt });
    const text = await waitFor(async () => {
      const seen = await ofWorker();
      return seen.includes('agentchat_flows{flow="registration",status="Running"} 1') ? seen : null;
    });
    expect(text).toMatch(/^agentchat_outbox_oldest_seconds\{kind="of\.nobody"\} 36\d\d\./m);
    expect(text).toMatch(/^agentchat_database_connections\{state="in_use"\} \d+$/m);
    expect(text).toMatch(/^agentchat_database_waiting 0$/m);
    expect(await scrape(used.url())).toMatch(/^agentchat_database_connections\{state="idle"\} \d+$/m);
  });

  test('are there for every name in the alerts and on the board, those of Temporal with every label', async () => {
    const [worker, api] = await Promise.all([untilBusy(), scrape(used.url())]);
    const own = await createMetrics().registry.metrics();
    const known = new Set<string>();
    for (const [, name = '', type] of `${worker}\n${api}\n${own}`.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      const suffixes = type === 'histogram' ? ['_bucket', '_count', '_sum'] : [''];
      for (const suffix of suffixes) known.add(name + suffix);
    }
    const expressions = monitored();
    expect(expressions.length).toBeGreaterThan(20);
    for (const expression of expressions) {
      const names = expression.match(/\b(?:agentchat|temporal)_\w+/g) ?? [];
      expect(names.filter((name) => !known.has(name))).toEqual([]);
      const labels = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
      for (const name of names.filter((one) => one.startsWith('temporal_'))) {
        const sample = new RegExp(`^${name}\\{(.*)\\}`, 'm').exec(worker)?.[1] ?? '';
        expect(labels.filter((label) => !sample.includes(`${label}="`))).toEqual([]);
      }
    }
  });
});

test('lines of Temporal keep their flow, try and error, and nothing of what it was given', () => {
  const error = new Error('the database is out of reach');
  const meta = {
    sdkComponent: 'worker',
    taskQueue: 'accounts',
    workflowId: 'registration-pnd_1',
    workflowRunId: 'run-1',
    workflowType: 'registration',
    activityType: 'mailCode',
    attempt: 3,
    taskToken: 'bytes',
    input: { email: 'private@example.com' },
    error,
  };
  expect(fieldsOf(meta)).toEqual({
    sdkComponent: 'worker',
    taskQueue: 'accounts',
    workflowId: 'registration-pnd_1',
    runId: 'run-1',
    workflowType: 'registration',
    activityType: 'mailCode',
    attempt: 3,
    err: error,
  });
});

/** Every expression of the alerts and of the board. */
function monitored(): string[] {
  const read = (name: string) => readFileSync(`${projectRoot}/docs/monitoring/${name}`, 'utf8');
  // The parse points of two files of our own.
  const alerts = parse(read('alerts.yml')) as { groups: { rules: { expr: string }[] }[] };
  const board = JSON.parse(read('grafana.json')) as { panels: { targets: { expr: string }[] }[] };
  return [
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
    ...board.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ];
}
