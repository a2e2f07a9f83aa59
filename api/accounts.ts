import type { AgentReader } from '../store/agents';
import type { EmailCaps } from '../store/transactions/create-agent';
import type { KeySwapDeps } from './key-swap';
import { createRecovery, type Recovery } from './recovery';
import { createRegistration, type Registration } from './registration';
import { createRotation, type Rotation } from './rotation';

/** What makes, ends and re-keys accounts. */
export interface Accounts {
  registration: Registration;
  recovery: Recovery;
  rotation: Rotation;
}

export function createAccounts(deps: KeySwapDeps & { agents: AgentReader; caps: EmailCaps }): Accounts {
  return {
    registration: createRegistration(deps),
    recovery: createRecovery(deps),
    rotation: createRotation(deps),
  };
}
