import type { AgentReader } from '../store/agents';
import type { EmailCaps } from '../store/transactions/create-agent';
import { createOwnerSignIn, type OwnerSignIn } from './owner-sign-in';
import { createReleaseAgent, type ReleaseAgent } from './claims';
import { createDeleteAccount, type DeleteAccount } from './account-deletion';
import type { KeySwapDeps } from './key-swap';
import { createPausing, type Pausing } from './pausing';
import { createRecovery, type Recovery } from './recovery';
import { createRegistration, type Registration } from './registration';
import { createRotation, type Rotation } from './rotation';

/** What makes, ends, re-keys and pauses accounts, and signs owners in. */
export interface Accounts {
  registration: Registration;
  recovery: Recovery;
  rotation: Rotation;
  deleteAccount: DeleteAccount;
  signIn: OwnerSignIn;
  releaseAgent: ReleaseAgent;
  pausing: Pausing;
}

export function createAccounts(deps: KeySwapDeps & { agents: AgentReader; caps: EmailCaps }): Accounts {
  return {
    registration: createRegistration(deps),
    recovery: createRecovery(deps),
    rotation: createRotation(deps),
    deleteAccount: createDeleteAccount(deps),
    signIn: createOwnerSignIn(deps),
    releaseAgent: createReleaseAgent(deps),
    pausing: createPausing(deps),
  };
}
