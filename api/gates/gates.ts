import type { Endpoint } from '../../contract/endpoint';
import type { Config } from '../../platform/config';
import type { Logger } from '../../platform/logger';
import { createAccessTokens } from '../../platform/access-tokens';
import type { Clock } from '../../platform/clock';
import type { AgentReader } from '../../store/agents/agents';
import type { Database } from '../../store/schema/database';
import { createIdempotencyStore } from '../../store/schema/idempotency';
import type { Reach } from '../../store/schema/reach';
import type { RateLimiter } from '../http/rate-limiter';
import type { ApiMiddleware } from '../http/state';
import { authenticate } from './authenticate';
import { guardBody } from './guard-body';
import { idempotency } from './idempotency';
import { limitAddress, limitAgent, limitOwner, limitPublic } from './rate-limits';
import { notifyOwnerFeed, type AgentChanges } from './notify-owner-feed';
import { recheckCaller } from './recheck-caller';
import { requireOwnOrigin } from './require-own-origin';
import { requireOwner } from './require-owner';
import { limitPrincipal, requirePrincipal } from './require-principal';
import { withinReach } from './within-reach';

export interface GateDeps {
  config: Config;
  database: Database;
  agents: AgentReader;
  clock: Clock;
  log: Logger;
  limiter: RateLimiter;
  /** Absent: calls wait for the database by themselves. */
  reach?: Reach;
  /** Absent: nobody looks on. */
  ownerFeed?: AgentChanges;
}

/**
 * The gates of each endpoint, from what it declares. Their order is that of conventions.md §2 and can be observed by
 * callers: a request that several gates would refuse is refused by the first. A gate that an endpoint has no use for is
 * null and not there.
 */
export function createGates(deps: GateDeps): (endpoint: Endpoint) => ApiMiddleware[] {
  const { config, limiter, agents } = deps;
  const ownOrigin = { publicBaseUrl: config.PUBLIC_BASE_URL, allowed: config.DASHBOARD_ORIGINS };
  const accessTokens = createAccessTokens(config.SECRET_KEYS);
  const keys = { store: createIdempotencyStore(deps.database, config.SECRET_KEYS), log: deps.log };

  const ofAnybody = (endpoint: Endpoint) => [
    withinReach(endpoint, deps.reach),
    limitAddress(endpoint, limiter),
    limitPublic(endpoint, limiter),
    requireOwnOrigin(endpoint, ownOrigin),
    guardBody(endpoint),
  ];
  const ofAgents = (endpoint: Endpoint) => [
    withinReach(endpoint, deps.reach),
    authenticate(endpoint, agents),
    limitAgent(endpoint, limiter),
    guardBody(endpoint),
    recheckCaller(endpoint),
    idempotency(endpoint, keys),
    notifyOwnerFeed(endpoint, deps.ownerFeed),
  ];
  const ofOwners = (endpoint: Endpoint) => [
    withinReach(endpoint, deps.reach),
    limitAddress(endpoint, limiter),
    requireOwnOrigin(endpoint, ownOrigin),
    requireOwner({ ...deps, accessTokens }),
    limitOwner(endpoint, limiter),
    guardBody(endpoint),
  ];

  const ofPrincipals = (endpoint: Endpoint) => [
    withinReach(endpoint, deps.reach),
    requirePrincipal(endpoint, { ...deps, accessTokens }, ownOrigin),
    limitPrincipal(endpoint.startsTurn, limiter),
    guardBody(endpoint),
  ];

  const GATES = {
    none: ofAnybody,
    optional: ofAgents,
    agent: ofAgents,
    'any-status': ofAgents,
    owner: ofOwners,
    principal: ofPrincipals,
  };
  return (endpoint) => GATES[endpoint.auth](endpoint).filter((gate) => gate !== null);
}
