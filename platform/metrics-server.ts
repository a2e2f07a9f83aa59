import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { Logger } from './logger';
import type { Metrics } from './metrics';

export interface MetricsServerOptions {
  host: string;
  port: number;
  metrics: Metrics;
  /** Bearer token to ask for; absent = none. */
  token: string | undefined;
  /** Figures of others in the same text, e.g. of a native library; when they cannot be read, the rest is served. */
  more?: () => Promise<string>;
  log: Logger;
}

/**
 * `GET /internal/metrics` of a process that has no api of its own. A port that is taken is logged and changes nothing
 * else: a worker without metrics is better than none.
 */
export function startMetricsServer({ host, port, metrics, token, more, log }: MetricsServerOptions): Server {
  const readMore = async (): Promise<string> =>
    (await more?.().catch((error: unknown) => log.warn({ event: 'metrics.incomplete', err: error }))) ?? '';
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/internal/metrics') return void response.writeHead(404).end();
    if (token !== undefined && !isSame(request.headers.authorization, `Bearer ${token}`)) {
      return void response.writeHead(401).end();
    }
    Promise.all([metrics.registry.metrics(), readMore()]).then(
      (texts) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(texts.join('\n')),
      (error: unknown) => {
        log.error({ event: 'metrics.failed', err: error });
        response.writeHead(500).end();
      },
    );
  });
  server.requestTimeout = 10_000;
  server.on('error', (error) => log.error({ event: 'metrics.listen_failed', port, err: error }));
  server.listen(port, host);
  return server;
}

/** Compares in constant time, whatever the lengths. */
function isSame(given: string | undefined, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(wanted));
}
