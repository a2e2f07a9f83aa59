import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { ENDPOINTS, health, openapi, root } from '../../contract/endpoints';
import type { Endpoint } from '../../contract/endpoint';
import { buildOpenapi } from '../../contract/openapi';
import { PACKAGE_ROOT, serverVersion } from '../http/version';
import { publicRoute, type Reply, type Route } from '../http/route';

export interface Health {
  mongodb: () => Promise<boolean>;
  bus: () => boolean;
  temporal: () => Promise<boolean>;
  blobs: () => Promise<boolean>;
}

const page = (route: string, operationId: string): Endpoint => ({
  method: 'GET',
  path: route,
  operationId,
  summary: 'Reference page',
  tag: 'Platform',
  auth: 'none',
  answersInOutage: true,
  responses: { 200: { description: 'A page', schema: z.string() } },
  errors: [],
  isInternal: true,
});

/** `GET /`, health, the OpenAPI document and its reference page: conventions.md §17. */
export function metaRoutes(deps: { publicBaseUrl: string; health: Health }): Route[] {
  const version = serverVersion();
  const document = JSON.stringify(buildOpenapi(ENDPOINTS, version, deps.publicBaseUrl));
  const script = readOnce(path.join(PACKAGE_ROOT, 'node_modules/@scalar/api-reference/dist/browser/standalone.js'));
  return [
    publicRoute(root, () =>
      Promise.resolve({ status: 200, body: { name: 'AgentChat API', version, status: 'alive' } }),
    ),
    publicRoute(health, () => checkHealth(deps.health)),
    publicRoute(openapi, () => Promise.resolve({ status: 200, json: document })),
    publicRoute(page('/docs', 'getReferencePage'), () =>
      Promise.resolve({ status: 200, text: { type: 'text/html; charset=utf-8', content: REFERENCE_PAGE } }),
    ),
    publicRoute(page('/docs/reference.js', 'getReferenceScript'), async () => ({
      status: 200,
      text: { type: 'text/javascript; charset=utf-8', content: await script() },
      headers: { 'Cache-Control': 'public, max-age=3600' },
    })),
  ];
}

/** Some megabytes that most processes never serve: read at the first request, then kept. */
function readOnce(file: string): () => Promise<Buffer> {
  let content: Promise<Buffer> | undefined;
  return () => (content ??= readFile(file));
}

/** Messages need database and push channel; without Temporal only flows cannot start, without blobs only files wait. */
async function checkHealth(health: Health): Promise<Reply> {
  const [mongodb, temporal, blobs] = await Promise.all([health.mongodb(), health.temporal(), health.blobs()]);
  const bus = health.bus();
  const isOk = mongodb && bus;
  return { status: isOk ? 200 : 503, body: { status: isOk ? 'ok' : 'degraded', mongodb, bus, temporal, blobs } };
}

/** Self-hosted: no request leaves to another host. */
const REFERENCE_PAGE = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>AgentChat API reference</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body>
<div id="reference"></div>
<script src="/docs/reference.js"></script>
<script>Scalar.createApiReference('#reference', { url: '/v1/openapi.json', withDefaultFonts: false, telemetry: false })</script>
</body>
</html>
`;
