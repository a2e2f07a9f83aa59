import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** One figure over all runs, beside its baseline from the same runs. */
export interface Figure {
  name: string;
  unit: string;
  values: number[];
  baseline?: { name: string; values: number[] };
}

const sorted = (values: number[]): number[] => [...values].sort((one, other) => one - other);

/** The value below which `share` of the values lie; NaN of none. */
export function quantile(values: number[], share: number): number {
  const ascending = sorted(values);
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? Number.NaN;
}

export const median = (values: number[]): number => quantile(values, 0.5);

const round = (value: number): number => Math.round(value * 100) / 100;

/** Median of the runs' own ratios: machine speed drifts between runs, less within one. */
function ratioOf(figure: Figure): number | null {
  const base = figure.baseline?.values;
  return base === undefined
    ? null
    : round(median(figure.values.map((value, run) => value / (base[run] ?? Number.NaN))));
}

const spread = (values: number[]): { min: number; median: number; max: number } => ({
  min: round(Math.min(...values)),
  median: round(median(values)),
  max: round(Math.max(...values)),
});

/** Where a figure was measured. */
export const machine = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
} as const;

/**
 * Prints every figure as minimum / median / maximum, and writes them as JSON where `--json FILE` asks for it.
 * @param others versions of whatever takes part beside Node and this repository
 */
export function report(
  command: string,
  figures: Figure[],
  json: string | null,
  others: Readonly<Record<string, string>> = {},
): void {
  const rows = figures.map((figure) => ({
    name: figure.name,
    unit: figure.unit,
    ...spread(figure.values),
    baseline: figure.baseline === undefined ? null : { name: figure.baseline.name, ...spread(figure.baseline.values) },
    ratio: ratioOf(figure),
  }));
  for (const row of rows) {
    const { baseline: base } = row;
    const beside =
      base === null ? '' : `   ${base.name} ${base.min} / ${base.median} / ${base.max}, ratio ${row.ratio}`;
    console.log(`${row.name.padEnd(32)} ${row.min} / ${row.median} / ${row.max} ${row.unit}${beside}`);
  }
  if (json === null) return;
  const versions = { node: process.version, commit: commit(), ...others };
  writeFileSync(
    json,
    JSON.stringify({ machine, versions, date: new Date().toISOString(), command, figures: rows }, null, 2),
  );
}

function commit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}
