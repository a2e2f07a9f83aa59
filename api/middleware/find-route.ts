import { AppError } from '../../contract/errors';
import type { Route } from '../route';
import type { ApiMiddleware } from '../state';

interface Node {
  literals: Map<string, Node>;
  /** What any other segment leads to; its name is the route's own. */
  parameter: Node | null;
  routes: Map<string, Route>;
}

const newNode = (): Node => ({ literals: new Map(), parameter: null, routes: new Map() });

/**
 * A table of all routes that is walked segment by segment, literals before parameters (`me` before `:handle`). Routing
 * stands apart from handling because the pipeline answers 404 for unknown routes before any limit or authentication.
 */
export function createRouteTable(routes: Route[]) {
  const root = newNode();
  for (const route of routes) {
    let node = root;
    for (const segment of route.endpoint.path.split('/').slice(1)) node = childOf(node, segment);
    node.routes.set(route.endpoint.method, route);
  }
  return (method: string, path: string): { route: Route; params: Record<string, string> } | null => {
    const values: string[] = [];
    let node = root;
    for (const segment of path.split('/').slice(1)) {
      const literal = node.literals.get(segment);
      if (literal !== undefined) node = literal;
      else if (node.parameter !== null && segment !== '') {
        values.push(decodeSegment(segment));
        node = node.parameter;
      } else return null;
    }
    const route = node.routes.get(method === 'HEAD' ? 'GET' : method);
    return route === undefined ? null : { route, params: namedParams(route, values) };
  };
}

function childOf(node: Node, segment: string): Node {
  if (segment.startsWith(':')) {
    node.parameter ??= newNode();
    return node.parameter;
  }
  const child = node.literals.get(segment) ?? newNode();
  node.literals.set(segment, child);
  return child;
}

/** Routes that share a path may call its parameters by other names. */
function namedParams(route: Route, values: string[]): Record<string, string> {
  const names = route.endpoint.path.split('/').filter((segment) => segment.startsWith(':'));
  return Object.fromEntries(names.map((name, index) => [name.slice(1), values[index] ?? '']));
}

/** A segment that is not valid percent-encoding names nothing that exists: taken literally. */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Finds the route, or answers 404 in the envelope. */
export function findRoute(routes: Route[]): ApiMiddleware {
  const lookUp = createRouteTable(routes);
  return async (ctx, next) => {
    const match = lookUp(ctx.method, ctx.state.path);
    if (match === null) throw new AppError('NOT_FOUND');
    ctx.state.route = match.route;
    ctx.state.params = match.params;
    await next();
  };
}
