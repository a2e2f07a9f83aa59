import { z } from 'zod';
import { AppError } from '../../../contract/errors';
import type { Endpoint } from '../../../contract/endpoint';
import type { Metrics } from '../../../platform/metrics';
import { bearerKey } from '../../http/bearer-key';
import { publicRoute, type Route } from '../../http/route';
import { sameSecret } from '../../http/same-secret';

const metricsEndpoint: Endpoint = {
  method: 'GET',
  path: '/internal/metrics',
  operationId: 'getMetrics',
  answersInOutage: true,
  summary: 'Prometheus metrics',
  tag: 'Internal',
  auth: 'none',
  responses: { 200: { description: 'Metrics', schema: z.string() } },
  errors: ['UNAUTHORIZED'],
  isInternal: true,
};

/** Routes for operators: outside of the public surface (conventions.md §17). */
export function internalRoutes(deps: { metrics: Metrics; metricsToken?: string }): Route[] {
  return [
    publicRoute(metricsEndpoint, async (ctx) => {
      const token = bearerKey(ctx.header('authorization'));
      if (deps.metricsToken !== undefined && !sameSecret(token ?? '', deps.metricsToken)) {
        throw new AppError('UNAUTHORIZED');
      }
      const content = await deps.metrics.registry.metrics();
      return { status: 200, text: { type: 'text/plain; version=0.0.4; charset=utf-8', content } };
    }),
  ];
}
