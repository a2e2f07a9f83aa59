import type { Orders } from '../../platform/bus';
import type { Clock } from '../../platform/clock';
import type { Logger } from '../../platform/logger';
import { hashRefreshToken } from '../../platform/refresh-tokens';
import { endAllSessions, endSession, endSessionById } from '../../store/owners/owner-sessions';
import type { Database } from '../../store/schema/database';
import { closeDashboards } from './close-dashboards';

export interface SignOutDeps {
  database: Database;
  orders: Orders;
  clock: Clock;
  log: Logger;
}

/** Ends the session of a refresh token, and its dashboards on every node. A token without a session ends nothing. */
export async function signOutOwner(deps: SignOutDeps, refreshToken: string): Promise<void> {
  const ended = await endSession(deps.database, hashRefreshToken(refreshToken));
  if (ended !== null) await closeDashboards(deps, { ownerId: ended.ownerId, sessionId: ended._id });
}

/** Ends one session of an owner, and its dashboards on every node. */
export async function signOutSession(deps: SignOutDeps, ownerId: string, sessionId: string): Promise<void> {
  await endSessionById(deps.database, ownerId, sessionId);
  await closeDashboards(deps, { ownerId, sessionId });
}

/** Ends all sessions of an owner, and their dashboards on every node. @returns how many */
export async function signOutEverywhere(deps: SignOutDeps, ownerId: string): Promise<number> {
  const count = await endAllSessions(deps.database, ownerId, deps.clock.now());
  await closeDashboards(deps, { ownerId, sessionId: null });
  return count;
}
