import { parseArgs } from 'node:util';

type Preset = number | string | boolean;
type ValueOf<P extends Preset> = P extends number ? number : P extends string ? string : boolean;

/** What a bench was called with: an option for each of its presets, and where the figures go as JSON. */
export type Options<P extends Record<string, Preset>> = { [Name in keyof P]: ValueOf<P[Name]> } & {
  json: string | null;
};

/**
 * Reads the command line: `--name value` for each preset that is a number or a text, `--name` for each that is a
 * switch, and `--json FILE`.
 * @throws on an option that no preset names, or one that should be a number and is none
 */
export function readOptions<P extends Record<string, Preset>>(presets: P, args = process.argv.slice(2)): Options<P> {
  const names = Object.entries(presets);
  const options: Record<string, { type: 'string' | 'boolean' }> = { json: { type: 'string' } };
  for (const [name, preset] of names) options[name] = { type: typeof preset === 'boolean' ? 'boolean' : 'string' };
  const { values } = parseArgs({ args, options });
  const read = names.map(([name, preset]) => [name, valueOf(name, values[name], preset)]);
  // Each value has the type of its preset: this is the parse point.
  return { ...Object.fromEntries(read), json: values.json ?? null } as Options<P>;
}

/** Without `multiple` a value is given once: as a text, or as `true`. */
function valueOf(name: string, given: ReturnType<typeof parseArgs>['values'][string], preset: Preset): Preset {
  if (given === undefined) return preset;
  if (typeof preset === 'boolean') return given === true;
  if (typeof preset === 'string') return String(given);
  const number = Number(given);
  if (given === '' || !Number.isFinite(number)) throw new Error(`--${name} takes a number, not ${String(given)}`);
  return number;
}
