import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { Endpoint } from '../../contract/endpoint';
import { AppError } from '../../contract/errors';
import { publicRoute, type Reply, type RequestContext, type Route } from '../http/route';
import { PACKAGE_ROOT } from '../http/version';

export interface AppPageDeps {
  publicBaseUrl: string;
  isProduction: boolean;
  /** Where the build of dashboard/ is. */
  folder?: string;
}

interface PageFile {
  type: string;
  content: Buffer;
  gzipped: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const page = (route: string, operationId: string, summary = "The owners' page"): Endpoint => ({
  method: 'GET',
  path: route,
  operationId,
  summary,
  tag: 'Platform',
  auth: 'none',
  answersInOutage: true,
  responses: { 200: { description: 'A page', schema: z.string() } },
  errors: [],
  isInternal: true,
});

/**
 * The owners' page under `/app` (dashboard.md §9, headers of §3.2). Files below `assets/` carry a hash of their content in
 * their name, so they are kept for ever; every other path is a screen of the page and gets `index.html`. The page of a share
 * link (gateway.md §6.1) is built with it.
 */
export function appPageRoutes(deps: AppPageDeps): Route[] {
  const files = loadOnce(deps.folder ?? path.join(PACKAGE_ROOT, 'dist', 'dashboard'));
  const headers = securityHeaders(deps);
  const index = (ctx: RequestContext) =>
    reply(ctx, files().get('index.html'), { ...headers, 'Cache-Control': 'no-store' });
  return [
    publicRoute(page('/app', 'getAppPage'), index),
    publicRoute(page('/app/*', 'getAppScreen'), index),
    publicRoute(page('/app/assets/:name', 'getAppAsset'), (ctx) =>
      reply(ctx, files().get(`assets/${ctx.params.name ?? ''}`), { ...headers, 'Cache-Control': KEEP }),
    ),
    // The same for every token: what it is worth the page finds out, and this answer does not tell.
    publicRoute(page('/c/:token', 'getChatPage', 'The page of a share link'), (ctx) =>
      reply(ctx, files().get('chat.html'), { ...headers, ...OF_LINKS, 'Cache-Control': 'no-store' }),
    ),
  ];
}

/** The address is a secret: no other site is told it, and no search engine keeps it. */
const OF_LINKS = { 'Referrer-Policy': 'no-referrer', 'X-Robots-Tag': 'noindex' };

const KEEP = 'public, max-age=31536000, immutable';

/** Promises a reply, or 404: of an asset of another version, or because the page was not built. */
function reply(ctx: RequestContext, file: PageFile | undefined, headers: Record<string, string>): Promise<Reply> {
  if (file === undefined) return Promise.reject(new AppError('NOT_FOUND'));
  const zips = /\bgzip\b/.test(ctx.header('accept-encoding'));
  return Promise.resolve({
    status: 200,
    text: { type: file.type, content: zips ? file.gzipped : file.content },
    headers: { ...headers, Vary: 'Accept-Encoding', ...(zips ? { 'Content-Encoding': 'gzip' } : {}) },
  });
}

/**
 * Nothing inline, nothing from elsewhere, in nobody's frame. Pictures of agents have absolute addresses under the public
 * base URL. Some browsers do not count a socket of the same origin as `'self'`, so it is named.
 */
function securityHeaders({ publicBaseUrl, isProduction }: AppPageDeps): Record<string, string> {
  const { origin } = new URL(publicBaseUrl);
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' data: ${origin}`,
    `connect-src 'self' ${origin.replace(/^http/, 'ws')}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ];
  return {
    'Content-Security-Policy': policy.join('; '),
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'strict-origin-when-cross-origin',
    ...(isProduction ? { 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' } : {}),
  };
}

/** A few hundred kilobytes that never change while the process runs: read and compressed at the first request. */
function loadOnce(folder: string): () => Map<string, PageFile> {
  let files: Map<string, PageFile> | undefined;
  return () => (files ??= new Map([...namesIn(folder)].map((name) => [name, loadFile(path.join(folder, name))])));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(path.join(folder, 'assets'))
      .map((name) => `assets/${name}`)
      .concat('index.html', 'chat.html');
  } catch {
    return [];
  }
}

function loadFile(file: string): PageFile {
  const content = readFileSync(file);
  const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
  return { type, content, gzipped: gzipSync(content) };
}
