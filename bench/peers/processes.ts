import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of /proc per second: 100 on every Linux that Node runs on, whatever the kernel's own timer does. */
const TICKS_PER_S = 100;

interface Stat {
  parent: number;
  /** Own ticks and those of children that have ended, in user and kernel mode. */
  ticks: number;
}

/** Seconds of processor time that these processes and all below them have used so far. Linux only. */
export function processorSeconds(roots: readonly number[]): number {
  const stats = readStats();
  const children = new Map<number, number[]>();
  for (const [pid, { parent }] of stats) {
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [pid]);
    else siblings.push(pid);
  }
  let ticks = 0;
  const queue = [...roots];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    ticks += stats.get(pid)?.ticks ?? 0;
    queue.push(...(children.get(pid) ?? []));
  }
  return ticks / TICKS_PER_S;
}

function readStats(): Map<number, Stat> {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(name) : undefined;
    if (stat !== undefined) stats.set(Number(name), stat);
  }
  return stats;
}

/** Undefined when the process has ended meanwhile. */
function readStat(pid: string): Stat | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in brackets, which may hold spaces: count from behind it.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [, parent] = fields;
  const ticks = fields.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
  return { parent: Number(parent), ticks };
}

/** Seconds of processor time that all cores of the machine were busy so far. */
function busySeconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const [user, nice, system, , , irq, softirq] = line.split(/\s+/).slice(1).map(Number);
  return [user, nice, system, irq, softirq].reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0) / TICKS_PER_S;
}

/** What process trees used between two moments. */
export interface Usage {
  seconds: number;
  /** Processor seconds by the caller's names, and of this process, the load generator. */
  used: Record<string, number>;
  generator: number;
  /** What the whole machine used beside all of these: on a quiet one nearly nothing but the kernel's own work. */
  foreign: number;
}

/** Starts to measure the trees below these processes; the call of the result says what they used since. */
export function startMeter(trees: Readonly<Record<string, readonly number[]>>): () => Usage {
  const readAll = (): Record<string, number> =>
    Object.fromEntries(Object.entries(trees).map(([name, roots]) => [name, processorSeconds(roots)]));
  const before = readAll();
  const busyBefore = busySeconds();
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  return () => {
    const seconds = (performance.now() - startedMs) / 1_000;
    const { user, system } = process.cpuUsage(cpu);
    const now = readAll();
    const used = Object.fromEntries(Object.keys(trees).map((name) => [name, (now[name] ?? 0) - (before[name] ?? 0)]));
    const generator = (user + system) / 1e6;
    const known = Object.values(used).reduce((sum, value) => sum + value, generator);
    return { seconds, used, generator, foreign: Math.max(0, busySeconds() - busyBefore - known) };
  };
}
