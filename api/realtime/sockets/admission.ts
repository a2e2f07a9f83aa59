import { AGENT_LIMITS } from '../../../contract/limits';
import type { Logger } from '../../../platform/logger';
import { hashApiKey } from '../../../platform/ids';
import type { AgentReader } from '../../../store/agents/agents';
import type { Agent } from '../../../store/schema/collections/agents';
import type { Connections } from '../../../store/nodes/connections';
import type { Database } from '../../../store/schema/database';
import type { InTurn } from '../../../store/schema/turns';
import { hitRateWindow } from '../../../store/schema/rate-windows';

/** A close code with its reason (realtime.md §2). */
export interface Refused {
  code: number;
  reason: string;
}

/** A registered socket and its agent, whose key was found current after the registration. */
export interface Admitted {
  agent: Agent;
  connectionId: string;
}

/** Who may open a socket. Terminal codes only for what a retry cannot cure. */
export interface Admission {
  authenticate(apiKey: string): Promise<Admitted | Refused>;
  admit(agent: Agent): Promise<Admitted | Refused>;
  /** The live agent of a key, or null. */
  identify(apiKey: string): Promise<Agent | null>;
  /** Why a socket of `agent`, as it was admitted, has to end now; null = it stays. */
  recheck(agent: Pick<Agent, '_id' | 'keyVersion'>): Promise<Refused | null>;
  leave(connectionId: string): Promise<void>;
}

export interface AdmissionDeps {
  agents: AgentReader;
  connections: Connections;
  database: Database;
  log: Logger;
  limitRate: boolean;
  /** Sockets that one agent may have over all nodes. */
  socketsMax: number;
  inTurn: InTurn;
}

export function createAdmission(deps: AdmissionDeps): Admission {
  const identify = async (apiKey: string): Promise<Agent | null> => {
    const agent = await deps.agents.findByKeyHash(hashApiKey(apiKey));
    return agent === null || agent.status === 'deleted' ? null : agent;
  };
  const guarded = (work: () => ReturnType<Admission['admit']>) =>
    deps.inTurn(work).catch((error: unknown): Refused => {
      deps.log.warn({ event: 'socket.admission_failed', err: error });
      return { code: 1011, reason: 'Internal error' };
    });
  return {
    identify,
    authenticate: (apiKey) =>
      guarded(async () => {
        const agent = await identify(apiKey);
        return agent === null ? { code: 1008, reason: 'Invalid token' } : admit(deps, agent);
      }),
    admit: (agent) => guarded(() => admit(deps, agent)),
    recheck: async (agent) =>
      deps.agents.findById(agent._id).then(
        (now) => evictionOf(agent, now),
        () => ({ code: 1011, reason: 'Internal error' }),
      ),
    leave: (connectionId) =>
      deps.connections
        .release(connectionId)
        .catch((error: unknown) => deps.log.warn({ event: 'connection.not_released', err: error })),
  };
}

/**
 * State, connect rate, cap, then the registration, then the key once more: a rotation between the first check and the
 * registration found no socket to close, so this socket must find the rotation.
 */
async function admit(deps: AdmissionDeps, agent: Agent): ReturnType<Admission['admit']> {
  if (agent.status === 'suspended') return { code: 1008, reason: 'Account suspended' };
  if (deps.limitRate && !(await isWithinConnectRate(deps, agent)))
    return { code: 1013, reason: 'Too many connections' };
  const claimed = await deps.connections.claim(agent._id, deps.socketsMax);
  if (claimed === null) return { code: 1013, reason: 'Too many connections' };
  const now = await deps.agents.findById(agent._id);
  const ended = evictionOf(agent, now);
  if (ended === null && now !== null) return { agent: now, connectionId: claimed.id };
  await deps.connections.release(claimed.id);
  return ended ?? { code: 1008, reason: 'Invalid token' };
}

/** Why a socket that was opened as `then` has to end, given the agent as it is now; null = it stays. */
export function evictionOf(
  then: Pick<Agent, 'keyVersion'>,
  now: Pick<Agent, 'status' | 'keyVersion'> | null,
): Refused | null {
  if (now === null || now.status === 'deleted') return { code: 1008, reason: 'Account deleted' };
  if (now.status === 'suspended') return { code: 1008, reason: 'Account suspended' };
  return now.keyVersion === then.keyVersion ? null : { code: 1008, reason: 'API key rotated' };
}

/** Fails open: a limit must not lock agents out when its counters cannot be reached. */
async function isWithinConnectRate(deps: AdmissionDeps, agent: Agent): Promise<boolean> {
  const hit = await hitRateWindow(deps.database, 'connect', agent._id, AGENT_LIMITS.connect).catch(() => null);
  return hit?.allowed ?? true;
}
