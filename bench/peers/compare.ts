import { type Figure } from '../report';
import { runGroup, runPaced, runSends, type Plan, type Run } from './exchanges';
import { type Side } from './side';

/** The parts that have two sides, with the figures of each: name in the run, unit. */
const FIGURES = {
  send: {
    accepted_per_s: 'sends/s',
    p50_ms: 'ms',
    p99_ms: 'ms',
    delivery_p50_ms: 'ms',
    delivery_p99_ms: 'ms',
    server_cores: 'cores',
    generator_cores: 'cores',
    other_side_cores: 'cores',
    foreign_cores: 'cores',
  },
  delivery: { delivery_p50_ms: 'ms', delivery_p99_ms: 'ms' },
  cpu: { cpu_ms_per_send: 'ms', all_cpu_ms_per_send: 'ms', other_side_cores: 'cores', foreign_cores: 'cores' },
  group: {
    accepted_per_s: 'sends/s',
    p50_ms: 'ms',
    last_p50_ms: 'ms',
    last_p99_ms: 'ms',
    server_cores: 'cores',
    generator_cores: 'cores',
    other_side_cores: 'cores',
    foreign_cores: 'cores',
  },
} as const satisfies Record<string, Record<string, string>>;

export type ComparedPart = keyof typeof FIGURES;

/** Delivery and processor time at a pace are read off the same runs. */
const SCENARIOS: readonly { parts: readonly ComparedPart[]; run: typeof runSends }[] = [
  { parts: ['send'], run: runSends },
  { parts: ['delivery', 'cpu'], run: runPaced },
  { parts: ['group'], run: runGroup },
];

/**
 * Runs each part on ours and on theirs in turn, so that both have the same hour and each ratio is that of neighbours.
 * A first shorter run of each side warms up and does not count.
 */
export async function compare(
  [ours, theirs]: readonly [Side, Side],
  plan: Plan & { runs: number },
  parts: readonly ComparedPart[],
): Promise<{ figures: Figure[]; faults: string[] }> {
  const figures: Figure[] = [];
  const faults: string[] = [];
  for (const scenario of SCENARIOS) {
    const wanted = scenario.parts.filter((part) => parts.includes(part));
    if (wanted.length === 0) continue;
    const runs: { ours: Run; theirs: Run }[] = [];
    for (let index = 0; index <= plan.runs; index += 1) {
      const isWarmUp = index === 0;
      const current = isWarmUp ? { ...plan, ms: plan.ms / 2 } : plan;
      const run = {
        ours: await settled(ours, theirs, current, scenario.run),
        theirs: await settled(theirs, ours, current, scenario.run),
      };
      for (const one of [run.ours, run.theirs])
        faults.push(...one.faults.map((fault) => `${wanted.join(', ')}: ${fault}`));
      console.error(
        `${wanted.join(', ')} ${isWarmUp ? 'warm-up' : `run ${index}`}: ${describe(ours, run.ours)}; ${describe(theirs, run.theirs)}`,
      );
      if (!isWarmUp) runs.push(run);
    }
    figures.push(...wanted.flatMap((part) => figuresOf(part, runs, theirs.name)));
  }
  return { figures, faults };
}

/** One run of one side, and then what it left behind, so that the neighbour does not pay for it. */
async function settled(side: Side, other: Side, plan: Plan, run: typeof runSends): Promise<Run> {
  const done = await run(side, other, plan);
  await side.settle();
  return done;
}

const describe = (side: Side, { values }: Run): string =>
  `${side.name} ${Object.entries(values)
    .map(([name, value]) => `${name} ${value.toFixed(2)}`)
    .join(' ')}`;

function figuresOf(part: ComparedPart, runs: readonly { ours: Run; theirs: Run }[], baseline: string): Figure[] {
  return Object.entries(FIGURES[part]).map(([name, unit]) => ({
    name: `${part}.${name}`,
    unit,
    values: runs.map(({ ours }) => ours.values[name] ?? Number.NaN),
    baseline: { name: baseline, values: runs.map(({ theirs }) => theirs.values[name] ?? Number.NaN) },
  }));
}
