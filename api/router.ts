import { Router, type RouterMiddleware } from '@koa/router';
import type { DefaultContext } from 'koa';
import type { Endpoint } from '../contract/endpoint';
import { AppError } from '../contract/errors';
import type { Route } from './http/route';
import type { ApiMiddleware, ApiState } from './http/state';

type Gate = RouterMiddleware<ApiState, DefaultContext>;

/**
 * Answers `routes`: each is its list of gates (`gates/`), then its handler. Whatever none of them answers is 404 before
 * any gate is reached (conventions.md §2 step 3). Literal segments come before parameters: `me` is never a `:handle`.
 */
export function routeRequests(routes: Route[], gatesOf: (route: Route) => ApiMiddleware[]): Gate {
  const paths = routes.map(({ endpoint }) => endpoint.path);
  const areas = new Map<string, Router<ApiState, DefaultContext>>();
  for (const route of inOrder(routes)) {
    const { method, path, operationId: name } = route.endpoint;
    const area = areaOf(path);
    if (area.includes('/:')) throw new Error(`${path} has a parameter where the router looks for the area`);
    const router = areas.get(area) ?? newRouter();
    const gates = [...refuseLiterals(path, paths), enter(route.endpoint), ...gatesOf(route)];
    router.register(path.replace(/\*$/, '{*rest}'), [method], gates, { name, ignoreWildcardParameter: 'rest' });
    areas.set(area, router);
  }
  const dispatchers = new Map([...areas].map(([area, router]) => [area, router.routes()]));
  return (ctx, next) => {
    const { path } = ctx.state;
    const dispatch = dispatchers.get(areaOf(path)) ?? unknownRoute();
    ctx.newRouterPath = path;
    return dispatch(ctx, next);
  };
}

/**
 * `/v1/agents` of `/v1/agents/me`. A router tries its routes one after another: of all hundred that would be a twentieth
 * of what `GET /v1/agents/me` costs, so each area has its own.
 */
const areaOf = (path: string): string => /^\/(?:(?:v1|dashboard|internal|api)\/)?[^/]*/.exec(path)?.[0] ?? '';

const newRouter = () =>
  new Router<ApiState, DefaultContext>({ strict: true, sensitive: true, exclusive: 'specificity' }).on(
    'not-found',
    unknownRoute,
  );

const unknownRoute = (): never => {
  throw new AppError('NOT_FOUND');
};

/** Of two routes with as many parameters the first one answers: a star takes what nothing else below it does. */
const inOrder = (routes: Route[]): Route[] =>
  [...routes].sort((one, other) => Number(one.endpoint.path.endsWith('*')) - Number(other.endpoint.path.endsWith('*')));

/** First of a route: what all that follows knows of it. */
function enter(endpoint: Endpoint): Gate {
  return (ctx, next) => {
    const { state } = ctx;
    state.endpoint = endpoint;
    state.params = ctx.params;
    state.agent = null;
    state.owner = null;
    state.isCachedCaller = false;
    return next();
  };
}

/**
 * The router would take a segment for a parameter where the literal route does not go on, or has another method. There
 * it is an unknown route: nothing has such a name.
 */
function refuseLiterals(path: string, paths: string[]): Gate[] {
  const taken = parametersOf(path).map((depth) => literalsBeside(path, depth, paths));
  if (taken.every(({ size }) => size === 0)) return [];
  return [
    (ctx, next) => {
      // As they stand in the path: `%6de` is not `me`.
      return ctx.captures?.some((value, index) => taken[index]?.has(value) === true) ? unknownRoute() : next();
    },
  ];
}

const isParameter = (segment: string | undefined): boolean => segment?.startsWith(':') === true;

/** The positions of the parameters in a path. */
const parametersOf = (path: string): number[] =>
  path.split('/').flatMap((segment, depth) => (isParameter(segment) ? [depth] : []));

/** What other paths have in the place of the parameter at `depth`, where they are the same before it. */
function literalsBeside(path: string, depth: number, paths: string[]): Set<string> {
  const before = shapeOf(path.split('/').slice(0, depth));
  const beside = paths
    .map((other) => other.split('/'))
    .filter((other) => shapeOf(other.slice(0, depth)) === before)
    .flatMap((other) => other.slice(depth, depth + 1));
  return new Set(beside.filter((segment) => !isParameter(segment) && segment !== '*'));
}

/** Parameters are the same whatever they are called. */
const shapeOf = (segments: string[]): string => segments.map((one) => (isParameter(one) ? ':' : one)).join('/');
