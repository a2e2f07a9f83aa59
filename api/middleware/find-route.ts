import { AppError } from '../../contract/errors';
import type { Route } from '../route';
import type { ApiMiddleware } from '../state';

interface Node {
  literals: Map<string, Node>;
  /** What any other segment leads to; its name is the route's own. */
  parameter: Node | null;
  /** Routes for whatever else stands below this segment. */
  below: Map<string, Route>;
  routes: Map<string, Route>;
}

const newNode = (): Node => ({ literals: new Map(), parameter: null, below: new Map(), routes: new Map() });

/**
 * A table of all routes that is walked segment by segment, literals before parameters (`me` before `:handle`); a path
 * like `/app/*` gets whatever nothing else below it answers. Routing stands apart from handling because the pipeline
 * answers 404 for unknown routes before any limit or authentication.
 */
export function createRouteTable(routes: Route[]) {
  const root = newNode();
  for (const route of routes) {
    let node = root;
    const isSubtree = route.endpoint.path.endsWith('/*');
    const path = isSubtree ? route.endpoint.path.slice(0, -2) : route.endpoint.path;
    for (const segment of path.split('/').slice(1)) node = childOf(node, segment);
    (isSubtree ? node.below : node.routes).set(route.endpoint.method, route);
  }
  return (method: string, path: string): { route: Route; params: Record<string, string> } | null => {
    const values: string[] = [];
    const key = method === 'HEAD' ? 'GET' : method;
    let node = root;
    let below: Route | undefined;
    const orBelow = () => (below === undefined ? null : { route: below, params: {} });
    for (const segment of path.split('/').slice(1)) {
      below = node.below.get(key) ?? below;
      const literal = node.literals.get(segment);
      if (literal !== undefined) node = literal;
      else if (node.parameter !== null && segment !== '') {
        values.push(decodeSegment(segment));
        node = node.parameter;
      } else return orBelow();
    }
    const route = node.routes.get(key);
    return route === undefined ? orBelow() : { route, params: namedParams(route, values) };
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
