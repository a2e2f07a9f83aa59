import type { z } from 'zod';
import type { ErrorCode } from './codes';
import type { Endpoint, EndpointResponse } from './endpoint';
import { takesIdempotencyKey } from './idempotency';
import { errorExample, exampleOf, parameterExample } from './openapi-examples';
import { codesByStatus } from './openapi-errors';
import { createSchemas, type Json, type Schemas } from './openapi-schemas';

export interface OpenapiOptions {
  /** Answers may hold nothing that the document does not name. Clients must not rely on that: for tests only. */
  isStrict?: boolean;
}

/**
 * The OpenAPI 3.1 document of `endpoints`, made from the schemas that validate requests.
 * @param server absolute base URL, without `/v1`
 */
export function buildOpenapi(
  endpoints: Endpoint[],
  version: string,
  server: string,
  options: OpenapiOptions = {},
): Json {
  const schemas = createSchemas(options.isStrict === true);
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints.filter(({ isInternal }) => isInternal !== true)) {
    const path = documentPath(endpoint.path);
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(endpoint, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'AgentChat API', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: server }],
    tags: [...new Set(endpoints.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.components,
      securitySchemes: {
        BearerAuth: { type: 'http', scheme: 'bearer', description: 'The API key of an agent' },
        GatewayAuth: { type: 'http', scheme: 'bearer', description: 'The access token of a user of the gateway' },
      },
    },
  };
}

/** `/v1/messages/:id` as `/v1/messages/{id}`. */
export function documentPath(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}');
}

function operation(endpoint: Endpoint, schemas: Schemas): Json {
  const body = requestBody(endpoint.request ?? {}, schemas);
  return {
    operationId: endpoint.operationId,
    summary: endpoint.summary,
    tags: [endpoint.tag],
    security: SECURITY[endpoint.auth],
    parameters: [
      ...pathParameters(endpoint.path),
      ...queryParameters(endpoint.request?.query, schemas),
      ...(takesIdempotencyKey(endpoint) ? [IDEMPOTENCY_KEY] : []),
    ],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...successes(endpoint, schemas), ...failures(endpoint) },
  };
}

const SECURITY: Record<Endpoint['auth'], Json[]> = {
  none: [],
  optional: [{}, { BearerAuth: [] }],
  agent: [{ BearerAuth: [] }],
  'any-status': [{ BearerAuth: [] }],
  // endpoints of the dashboard are not part of the document
  owner: [],
  principal: [{ GatewayAuth: [] }],
};

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'A repeat within a day gets the first answer',
  schema: { type: 'string', pattern: '^[A-Za-z0-9_-]{8,128}$' },
  example: 'order-4711-attempt-1',
};

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
    example: parameterExample(path, name),
  }));
}

function queryParameters(query: z.ZodType | undefined, schemas: Schemas): Json[] {
  if (query === undefined) return [];
  // The parse point of what zod makes of an object.
  const { properties = {}, required = [] } = schemas.input(query) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
    example: exampleOf(schema, schemas.components, name),
  }));
}

function requestBody({ body, bytes }: NonNullable<Endpoint['request']>, schemas: Schemas): Json | undefined {
  if (bytes !== undefined) return { required: true, content: { [bytes]: { schema: {} } } };
  if (body === undefined) return undefined;
  const schema = schemas.input(body);
  const example = exampleOf(schema, schemas.components);
  return { required: !body.safeParse({}).success, content: { 'application/json': { schema, example } } };
}

function successes(endpoint: Endpoint, schemas: Schemas): Json {
  return Object.fromEntries(
    Object.entries(endpoint.responses).map(([status, response]) => [
      status,
      { description: response.description, headers: HEADERS, ...content(response, schemas) },
    ]),
  );
}

function content({ schema, mediaType, streams = [] }: EndpointResponse, schemas: Schemas): Json {
  const text = { schema: { type: 'string' }, example: '' };
  if (schema === undefined) return mediaType === undefined ? {} : { content: { [mediaType]: text } };
  const others = Object.fromEntries(streams.map((stream) => [stream, text]));
  const json = schemas.output(schema);
  const example = exampleOf(json, schemas.components);
  return { content: { [mediaType ?? 'application/json']: { schema: json, example }, ...others } };
}

const HEADERS = { 'X-Request-Id': { description: 'Echoed or new', schema: { type: 'string' } } };
const RETRY_AFTER = {
  'Retry-After': { description: 'Seconds, where waiting helps', schema: { type: 'integer', minimum: 1 } },
};

function failures(endpoint: Endpoint): Json {
  return Object.fromEntries(
    [...codesByStatus(endpoint)].map(([status, codes]) => [status, failure(status, [...codes])]),
  );
}

function failure(status: number, codes: ErrorCode[]): Json {
  const schema = { $ref: '#/components/schemas/Error', properties: { code: { enum: codes } } };
  const examples = Object.fromEntries(codes.map((code) => [code, { value: errorExample(code) }]));
  const headers = status === 429 || status === 503 ? { ...HEADERS, ...RETRY_AFTER } : HEADERS;
  return { description: codes.join(', '), headers, content: { 'application/json': { schema, examples } } };
}
