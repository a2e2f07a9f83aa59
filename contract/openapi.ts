import { z } from 'zod';
import { ERRORS, type ErrorCode } from './codes';
import type { Endpoint } from './endpoint';

const envelope = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { type: 'string', enum: Object.keys(ERRORS) },
    message: { type: 'string' },
    details: { type: 'object', additionalProperties: true },
  },
};

/** A plain JSON object of the document. */
type Json = Record<string, unknown>;

/**
 * The OpenAPI 3.1 document of `endpoints`, made from the schemas that validate requests.
 * @param server absolute base URL, without `/v1`
 */
export function buildOpenapi(endpoints: Endpoint[], version: string, server: string): Json {
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'AgentChat API', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: server }],
    paths,
    components: {
      schemas: { Error: envelope },
      securitySchemes: { BearerAuth: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation(endpoint: Endpoint): Json {
  const body = endpoint.request?.body;
  return {
    operationId: endpoint.operationId,
    summary: endpoint.summary,
    tags: [endpoint.tag],
    ...(endpoint.auth === 'none' ? { security: [] } : { security: [{ BearerAuth: [] }] }),
    parameters: [...pathParameters(endpoint.path), ...queryParameters(endpoint.request?.query)],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: toSchema(body, 'input') } } } }),
    responses: { ...successes(endpoint), ...failures(endpoint) },
  };
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(query: z.ZodType | undefined): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = toSchema(query, 'input') as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function successes(endpoint: Endpoint): Json {
  return Object.fromEntries(
    Object.entries(endpoint.responses).map(([status, { description, schema }]) => [
      status,
      { description, content: { 'application/json': { schema: toSchema(schema, 'output') } } },
    ]),
  );
}

/** The endpoint's own codes and those of the pipeline, by status. */
function failures(endpoint: Endpoint): Json {
  const pipeline: ErrorCode[] = [
    ...(endpoint.auth === 'none' ? [] : (['UNAUTHORIZED'] as const)),
    ...(endpoint.auth === 'agent' ? (['SUSPENDED'] as const) : []),
    ...(endpoint.request?.body === undefined ? [] : [endpoint.bodyCode ?? 'PAYLOAD_TOO_LARGE']),
    'INTERNAL_ERROR',
    'SERVICE_UNAVAILABLE',
  ];
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of [...endpoint.errors, ...pipeline]) {
    const status = ERRORS[code].status;
    if (endpoint.responses[status] !== undefined) continue;
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: [...codes].join(', '),
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    ]),
  );
}

function toSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return json;
}
