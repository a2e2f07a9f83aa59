import { startFullBenchStack, type FullBenchStack } from '../full-stack';
import { measureIdleMemory } from '../idle-memory';
import { type Figure } from '../report';
import { openMany, openSocket } from '../sockets';
import { makeAgents } from '../stack';
import { startMeter } from './processes';

const PER_AGENT = 10;
/** Longer than the api's own rounds over its sockets; what opening and closing left to do is done by then. */
const CALM_MS = 10_000;

export interface IdlePlan {
  sockets: number;
  runs: number;
  ms: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What open sockets on which nothing happens cost: processor time of all processes, and memory beside bare `ws`. */
export async function measureIdle(plan: IdlePlan): Promise<Figure[]> {
  const stack = await startFullBenchStack({ apis: 1 });
  try {
    const cores = await measureCores(stack, plan);
    const memory = await measureIdleMemory(stack, { sockets: plan.sockets, perAgent: PER_AGENT });
    return [...cores, ...memory];
  } finally {
    await stack.stop();
  }
}

async function measureCores(stack: FullBenchStack, plan: IdlePlan): Promise<Figure[]> {
  const { apis, worker, mongod } = stack.pids;
  const trees = { api: apis, worker: [worker], mongod: [mongod] };
  const agents = await makeAgents(stack.database, Math.ceil(plan.sockets / PER_AGENT), 'idle');
  const coresFor = async (): Promise<Record<string, number>> => {
    const read = startMeter(trees);
    await pause(plan.ms);
    const { used, seconds } = read();
    const each = Object.entries(used).map(([name, value]) => [name, value / seconds] as const);
    return Object.fromEntries([['all', each.reduce((sum, [, value]) => sum + value, 0)], ...each]);
  };
  const repeat = async (): Promise<Record<string, number>[]> => {
    const runs: Record<string, number>[] = [];
    await pause(CALM_MS);
    while (runs.length < plan.runs) runs.push(await coresFor());
    return runs;
  };
  const without = await repeat();
  const url = `${stack.baseUrls[0] ?? ''}/v1/ws`;
  const sockets = await openMany(plan.sockets, (index) => openSocket(url, agents[Math.floor(index / PER_AGENT)]?.key));
  const withSockets = await repeat();
  for (const socket of sockets) socket.removeAllListeners('close').terminate();
  await pause(CALM_MS);
  return ['all', ...Object.keys(trees)].map((name) => ({
    name: `idle.${name}_cores`,
    unit: 'cores',
    values: withSockets.map((run) => run[name] ?? Number.NaN),
    baseline: { name: 'without sockets', values: without.map((run) => run[name] ?? Number.NaN) },
  }));
}
