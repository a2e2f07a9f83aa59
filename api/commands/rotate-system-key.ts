import { AppError } from '../../contract/errors';
import type { Orders } from '../../platform/bus';
import { hashApiKey, newApiKey } from '../../platform/ids';
import type { Logger } from '../../platform/logger';
import { swapKey } from '../../store/accounts/swap-key';
import type { AgentReader } from '../../store/agents/agents';
import type { AuditActor } from '../../store/schema/audit';
import type { Database } from '../../store/schema/database';
import { findAccount } from '../http/targets';
import { closeSockets } from './close-sockets';
import type { NewKey } from './swap-key';

export interface RotateSystemKeyDeps {
  database: Database;
  agents: AgentReader;
  orders: Orders;
  log: Logger;
}

/**
 * As any key swap (identity.md §12); dying before the order, the nodes' own checks close the sockets within seconds.
 * @throws AppError NOT_A_SYSTEM_AGENT
 */
export async function rotateSystemKey(
  deps: RotateSystemKeyDeps,
  typed: string,
  { actor, at }: { actor: AuditActor; at: Date },
): Promise<NewKey> {
  const agent = await findAccount(deps.agents, typed);
  if (agent === null || !agent.isSystem) throw new AppError('NOT_A_SYSTEM_AGENT');
  const apiKey = newApiKey();
  const { agentId, keyVersion } = await swapKey(deps.database, {
    agentId: agent._id,
    apiKeyHash: hashApiKey(apiKey),
    actor,
    at,
  });
  await closeSockets(deps, { agentId, keyVersion, reason: 'System agent key rotated' });
  return { handle: agent.handle, apiKey };
}
