import { execFileSync } from 'node:child_process';
import { ALL_ERRORS } from '../../contract/codes';
import { ENDPOINTS } from '../../contract/endpoints';
import { buildOpenapi, documentPath } from '../../contract/openapi';

/** A description of one call, as far as these tests read it. */
interface Operation {
  operationId: string;
  summary: string;
  parameters: { name: string; in: string; example?: unknown }[];
  requestBody?: { content: Record<string, { example?: unknown }> };
  responses: Record<string, { content?: Record<string, { example?: unknown; examples?: Record<string, unknown> }> }>;
}

const document = buildOpenapi(ENDPOINTS, '1.2.3', 'https://chat.example.com');
const paths = document['paths'] as Record<string, Record<string, Operation>>;
const operations = ENDPOINTS.map((endpoint) => {
  const operation = paths[documentPath(endpoint.path)]?.[endpoint.method.toLowerCase()];
  if (operation === undefined) throw new Error(`${endpoint.operationId} is missing`);
  return [endpoint.operationId, operation, endpoint] as const;
});

/** A validator of its own process: it comes as an ES module, which a jest sandbox cannot load. */
function openapiFaults(value: unknown): unknown {
  const script = `import { validate } from '@scalar/openapi-parser';
    let text = ''; for await (const chunk of process.stdin) text += chunk;
    const { valid, errors } = await validate(JSON.parse(text));
    console.log(JSON.stringify(valid ? [] : errors));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    input: JSON.stringify(value),
    encoding: 'utf8',
  });
  return JSON.parse(output);
}

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1, and the check would notice', () => {
    expect(openapiFaults(document)).toEqual([]);
    expect(openapiFaults({ ...document, info: {} })).not.toEqual([]);
    expect(openapiFaults({ ...document, paths: { '/x': { get: { responses: { 200: {} } } } } })).not.toEqual([]);
  });

  test('every reference leads to a component', () => {
    const schemas = (document['components'] as { schemas: Record<string, unknown> }).schemas;
    const names = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, name]) => name ?? '');
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(Object.keys(schemas).map((key) => `#/components/schemas/${key}`)).toContain(name);
  });

  test('operation ids are unique and none is internal', () => {
    const ids = ENDPOINTS.map(({ operationId }) => operationId);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(ENDPOINTS.filter(({ isInternal }) => isInternal)).toEqual([]);
    expect(JSON.stringify(document)).not.toContain('/internal/');
  });

  test('answers are open for fields to come, and strict for tests', () => {
    const open = JSON.stringify(buildOpenapi([...ENDPOINTS], '1', 'http://x'));
    const strict = JSON.stringify(buildOpenapi([...ENDPOINTS], '1', 'http://x', { isStrict: true }));
    expect(open).not.toContain('"additionalProperties":false');
    expect(strict).toContain('"additionalProperties":false');
  });

  // When one of these fails for a new endpoint: `.meta({ examples: [...] })` on its schema says what to show.
  test.each(operations)('%s has an example of its request that the server would accept', (_id, operation, endpoint) => {
    const { body, query } = endpoint.request ?? {};
    if (body !== undefined) {
      const example = operation.requestBody?.content['application/json']?.example;
      expect([example, body.safeParse(example).error]).toEqual([expect.anything(), undefined]);
    }
    for (const { name, example } of operation.parameters) expect([name, example]).not.toEqual([name, undefined]);
    if (query !== undefined) expect(Object.keys(query.safeParse({}))).toContain('success');
  });

  test.each(operations)('%s has an example of each answer, and of each refusal by its code', (_id, operation) => {
    for (const [status, { content }] of Object.entries(operation.responses)) {
      for (const { example, examples } of Object.values(content ?? {})) {
        if (examples === undefined) expect([status, example]).not.toEqual([status, undefined]);
        for (const code of Object.keys(examples ?? {})) expect(ALL_ERRORS).toHaveProperty(code);
      }
    }
  });
});
