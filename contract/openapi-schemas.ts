import { z } from 'zod';
import { ALL_ERRORS } from './codes';

/** A plain JSON object of the document. */
export type Json = Record<string, unknown>;

const ERROR = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { type: 'string', enum: Object.keys(ALL_ERRORS) },
    message: { type: 'string' },
    details: { type: 'object', additionalProperties: true },
    detail: { type: 'string', description: 'The message once more, from the chat gateway only' },
    payment: {
      type: 'object',
      additionalProperties: true,
      description: 'What became of the payment, of paid chat only',
    },
  },
};

/** conventions.md §13; zod's own pattern for dates fills a screen. */
const TIMESTAMP_PATTERN = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$';

/** Turns zod schemas into those of the document; the ones with an `id` become components that others refer to. */
export interface Schemas {
  components: Record<string, Json>;
  /** What callers send. */
  input(schema: z.ZodType): Json;
  /** What the server answers. */
  output(schema: z.ZodType): Json;
}

/** @param isStrict answers may hold nothing that is not named */
export function createSchemas(isStrict: boolean): Schemas {
  const components: Record<string, Json> = { Error: ERROR };
  return {
    components,
    input: (schema) => hoist(convert(schema, 'input', false), components, 'Input'),
    output: (schema) => hoist(convert(schema, 'output', isStrict), components, ''),
  };
}

function convert(schema: z.ZodType, io: 'input' | 'output', isStrict: boolean): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      // zod drops these where what is sent differs from what the server makes of it; ours are always of what is sent.
      const { examples, default: preset } = z.globalRegistry.get(zodSchema) ?? {};
      if (Array.isArray(examples)) jsonSchema.examples = examples;
      if (preset !== undefined) Object.assign(jsonSchema, { default: preset });
      // Answers may gain fields (conventions.md §1): what zod takes for closed is open for clients.
      if (!isStrict && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      if (jsonSchema.format === 'date-time') jsonSchema.pattern = TIMESTAMP_PATTERN;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
  return json;
}

/** Moves `$defs` into the components and points references there: `#/$defs` would be looked for at the document's root. */
function hoist(json: Json, components: Record<string, Json>, suffix: string): Json {
  // The parse point of zod's definitions.
  const { $defs = {}, ...rest } = json as Json & { $defs?: Record<string, Json> };
  const names = new Map<string, string>();
  for (const [name, { id: _, ...schema }] of Object.entries($defs)) {
    names.set(name, nameFor(name, schema, components, suffix));
  }
  for (const [name, { id: _, ...schema }] of Object.entries($defs)) {
    components[names.get(name) ?? name] = refer(schema, names) as Json;
  }
  return refer(rest, names) as Json;
}

/** One name for one shape: what is sent differs from what is answered where schemas transform. */
function nameFor(name: string, schema: Json, components: Record<string, Json>, suffix: string): string {
  const text = JSON.stringify(schema);
  for (const candidate of [
    name,
    `${name}${suffix}`,
    ...Array.from({ length: 99 }, (_, n) => `${name}${suffix}${n + 2}`),
  ]) {
    const known = components[candidate];
    if (known === undefined || JSON.stringify(known).replaceAll('#/components/schemas/', '#/$defs/') === text)
      return candidate;
  }
  throw new Error(`too many schemas are called ${name}`);
}

function refer(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => refer(item, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const name = key === '$ref' && typeof item === 'string' ? /^#\/\$defs\/(.+)$/.exec(item)?.[1] : undefined;
      return name === undefined ? [key, refer(item, names)] : [key, `#/components/schemas/${names.get(name) ?? name}`];
    }),
  );
}
