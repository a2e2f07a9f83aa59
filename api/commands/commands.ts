import { createAccessTokens } from '../../platform/access-tokens';
import { createRefreshTokens } from '../../platform/refresh-tokens';
import type { EmailCaps } from '../../store/accounts/create-agent';
import type { AgentReader } from '../../store/agents/agents';
import { createDeleteAccount, type DeleteAccount } from './delete-account';
import { createEndClaim, type EndClaim } from './end-claim';
import { createPauseAgent, type PauseAgent } from './pause-agent';
import { createRecovery, type Recovery } from './recover-key';
import { refreshSession } from './refresh-session';
import { createRegistration, type Registration } from './register-agent';
import { createRotation, type Rotation } from './rotate-key';
import { createVisits, type Visits } from './let-visitor-in';
import { createOwnerSignIn, type OwnerSignIn } from './sign-in-owner';
import { signOutEverywhere, signOutOwner, signOutSession } from './sign-out-owner';
import { startGroupDeletion } from './start-group-deletion';
import type { KeySwapDeps } from './swap-key';
import type { TokenPair } from '../http/owner-cookies';

/** The use cases that need flows, orders or secret keys, as routes call them. */
export interface Commands {
  registration: Registration;
  recovery: Recovery;
  rotation: Rotation;
  deleteAccount: DeleteAccount;
  signIn: OwnerSignIn;
  visits: Visits;
  /** The pair that follows a refresh token; null for one that is not valid. @throws AppError REFRESH_UNAVAILABLE */
  refreshSession: (refreshToken: string) => Promise<TokenPair | null>;
  signOut: (refreshToken: string) => Promise<void>;
  signOutSession: (ownerId: string, sessionId: string) => Promise<void>;
  /** @returns how many sessions ended */
  signOutEverywhere: (ownerId: string) => Promise<number>;
  endClaim: EndClaim;
  pauseAgent: PauseAgent;
  startGroupDeletion: (groupId: string) => Promise<void>;
}

export function createCommands(base: KeySwapDeps & { agents: AgentReader; caps: EmailCaps }): Commands {
  const { secretKeys } = base;
  const tokens = { accessTokens: createAccessTokens(secretKeys), refreshTokens: createRefreshTokens(secretKeys) };
  const deps = { ...base, ...tokens };
  return {
    registration: createRegistration(deps),
    recovery: createRecovery(deps),
    rotation: createRotation(deps),
    deleteAccount: createDeleteAccount(deps),
    signIn: createOwnerSignIn(deps),
    visits: createVisits(deps),
    refreshSession: (refreshToken) => refreshSession(deps, refreshToken),
    signOut: (refreshToken) => signOutOwner(deps, refreshToken),
    signOutSession: (ownerId, sessionId) => signOutSession(deps, ownerId, sessionId),
    signOutEverywhere: (ownerId) => signOutEverywhere(deps, ownerId),
    endClaim: createEndClaim(deps),
    pauseAgent: createPauseAgent(deps),
    startGroupDeletion: (groupId) => startGroupDeletion(deps, groupId),
  };
}
