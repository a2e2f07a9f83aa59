import { ALL_ERRORS, type ErrorCode } from './codes';
import { EXAMPLE_DETAILS, EXAMPLE_VALUES } from './openapi-example-values';
import type { Json } from './openapi-schemas';

/** The parts of a JSON schema that examples are made from. */
interface Shape {
  $ref?: string;
  examples?: unknown[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Shape[];
  oneOf?: Shape[];
  allOf?: Shape[];
  type?: string | string[];
  format?: string;
  minLength?: number;
  minimum?: number;
  default?: unknown;
  properties?: Record<string, Shape>;
  items?: Shape;
}

/**
 * An example that fits `schema`: what the schema says itself (`.meta({ examples })`), else one made of the values that
 * the wire's field names usually have. The same name means the same thing everywhere, so this holds for new endpoints.
 */
export function exampleOf(schema: Json, components: Record<string, Json>, name = ''): unknown {
  // The parse point: zod made the schema.
  return build(schema as Shape, components as Record<string, Shape>, name);
}

function build(shape: Shape, components: Record<string, Shape>, name: string): unknown {
  if (shape.examples !== undefined) return shape.examples[0];
  if (shape.$ref !== undefined) return build(components[shape.$ref.split('/').at(-1) ?? ''] ?? {}, components, name);
  if (shape.const !== undefined) return shape.const;
  if (shape.enum !== undefined) return shape.enum[0];
  const options = shape.anyOf ?? shape.oneOf;
  if (options !== undefined) return build(options.find(({ type }) => type !== 'null') ?? {}, components, name);
  if (shape.allOf !== undefined) {
    return Object.assign({}, ...shape.allOf.map((part) => build(part, components, name)));
  }
  return ofType(shape, components, name);
}

function ofType(shape: Shape, components: Record<string, Shape>, name: string): unknown {
  const type = Array.isArray(shape.type) ? shape.type.find((one) => one !== 'null') : shape.type;
  const usual = EXAMPLE_VALUES[name];
  if (type === 'object') {
    const fields = Object.entries(shape.properties ?? {});
    if (fields.length === 0) return typeof usual === 'object' ? usual : {};
    return Object.fromEntries(fields.map(([field, part]) => [field, build(part, components, field)]));
  }
  if (type === 'array') return [build(shape.items ?? {}, components, name.replace(/s$/, ''))];
  if (type === 'boolean') return usual ?? shape.default ?? false;
  if (type === 'integer' || type === 'number') {
    return typeof usual === 'number' ? usual : (shape.default ?? shape.minimum ?? 0);
  }
  return typeof usual === 'string' ? usual : ofFormat(shape);
}

const FORMATS: Record<string, string> = {
  'date-time': '2026-04-22T12:00:00.000Z',
  uuid: '6f1f1a34-8f0c-4a53-9b3f-0a3c1a8d2f77',
  uri: 'https://agent.example.com/hooks',
  email: 'ada@example.com',
};

function ofFormat({ format = '', minLength = 1 }: Shape): string {
  return FORMATS[format] ?? 'text'.padEnd(minLength, '-');
}

/** An example of a path parameter: what an id is of, its path says. */
export function parameterExample(path: string, name: string): string {
  if (name === 'delivery_id' && path.startsWith('/v1/webhooks/')) return 'whd_2uQk7dXcV5bN1mRtZr8sWk';
  const usual = EXAMPLE_VALUES[name];
  if (name !== 'id' && typeof usual === 'string') return usual;
  const kind = Object.keys(IDS).find((segment) => path.includes(segment));
  return IDS[kind ?? ''] ?? 'id';
}

const IDS: Record<string, string> = {
  '/invites/': 'gri_Kq3d0Zr5mTt1WbYp',
  '/groups/': 'grp_BPF4BzPS9l6zwS9V',
  '/webhooks/': 'whk_V0h1uE3qXn8JcR5s',
  '/attachments/': 'att_8sKd0Lr2QmWz71Nf',
  '/conversations/': 'conv_M3n7Yc1Qv9LtX0aB',
  '/messages/': 'msg_pD4rUuX2s8WkZ6eC',
};

/** The envelope that a refusal with this code has. */
export function errorExample(code: ErrorCode): Json {
  const details = EXAMPLE_DETAILS[code];
  return { code, message: ALL_ERRORS[code].message, ...(details === undefined ? {} : { details }) };
}
