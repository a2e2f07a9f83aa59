import { allRoutes, type RouteDeps } from '../../api/routes/routes';
import type { Endpoint } from '../../contract/endpoint';
import { parseConfig } from '../../platform/config';

/** Stands for every dependency: routes are listed, none is called. */
const uncalled: unknown = new Proxy(() => uncalled, { get: () => uncalled });

/** Every endpoint that the server serves, public or not. @param env what is configured otherwise than usual */
export function servedEndpoints(env: Record<string, string> = {}): Endpoint[] {
  const config = parseConfig({ SECRET_KEYS: `a:${'A'.repeat(44)}`, X402_FACILITATOR: 'local', ...env });
  // The parse point of the stand-in.
  const deps = Object.create(uncalled as object, { config: { value: config, enumerable: true } }) as RouteDeps;
  return allRoutes(deps).map(({ endpoint }) => endpoint);
}
