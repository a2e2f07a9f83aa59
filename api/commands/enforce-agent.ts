import type { EnforcementTrigger } from '../../domain/enforcement';
import type { Orders } from '../../platform/bus';
import type { Clock } from '../../platform/clock';
import type { EnforcementFlows } from '../../platform/flows/enforcement';
import type { Logger } from '../../platform/logger';
import { findFacts } from '../../store/agents/agent-facts';
import type { AgentReader } from '../../store/agents/agents';
import { removeRows } from '../../store/outbox/rows';
import type { Agent } from '../../store/schema/collections/agents';
import type { Database } from '../../store/schema/database';
import type { EvaluationRequest } from '../../store/outbox/enforcement-requests';
import { evaluateEnforcement, isEvaluationDue } from '../../store/enforcement/evaluate-enforcement';
import { operateEnforcement, type OperatorOrder } from '../../store/enforcement/operate-enforcement';
import { SUSPENDED_CLOSE } from '../../store/enforcement/transitions';

export interface EnforcementDeps {
  database: Database;
  flows: EnforcementFlows;
  orders: Orders;
  clock: Clock;
  log: Logger;
}

/** The api's side of community enforcement (social.md §5, §6). */
export interface Enforcement {
  /**
   * The agent with the state that blocks and reports demand now: a restricted one is evaluated before its request goes
   * on. When that fails the state stands.
   */
  reconsider(agent: Agent): Promise<Agent>;
  /** Tells the flow at once of a request that is recorded; never throws and is not waited for. */
  announce(request: EvaluationRequest | null, handle: string): void;
  /** Carries out an operator's action; it is in force on every node when this resolves. @throws AppError */
  operate(order: OperatorOrder, handle: string): Promise<void>;
  /** Evaluates at once, without a worker. */
  evaluate(agent: { id: string; handle: string }, trigger: EnforcementTrigger): Promise<void>;
}

export function createEnforcement(deps: EnforcementDeps): Enforcement {
  const { database, clock, log } = deps;
  const evaluateNow = async (agent: { id: string; handle: string }, trigger: EnforcementTrigger) => {
    const input = { agentId: agent.id, trigger, now: clock.now(), isFlow: false };
    const evaluation = await evaluateEnforcement(database, input);
    if (evaluation?.transition !== null) await follow(deps, evaluation?.request ?? null, agent.handle);
    return evaluation === null ? null : { ...evaluation, at: input.now };
  };
  return {
    reconsider: async (agent) => {
      if (agent.status !== 'restricted') return agent;
      try {
        if (!(await isEvaluationDue(database, agent._id, clock.now()))) return agent;
        const seen = await evaluateNow({ id: agent._id, handle: agent.handle }, 'request');
        if (seen === null) return agent;
        const updatedAt = seen.transition === null ? agent.updatedAt : seen.at;
        return { ...agent, status: seen.status, statusSource: seen.source, updatedAt };
      } catch (error) {
        log.warn({ event: 'enforcement.not_evaluated', agentId: agent._id, err: error });
        return agent;
      }
    },
    announce: (request, handle) => void tellFlow(deps, request, handle),
    operate: async (order, handle) => {
      const request = await operateEnforcement(database, order);
      await evaluateNow({ id: order.agentId, handle }, 'operator');
      await follow(deps, request, handle);
    },
    evaluate: async (agent, trigger) => void (await evaluateNow(agent, trigger)),
  };
}

/** Callers as blocks and reports demand them to be now: whoever is found by its key has been reconsidered. */
export function reconsideredCallers(agents: AgentReader, enforcement: Pick<Enforcement, 'reconsider'>): AgentReader {
  return {
    ...agents,
    findByKeyHash: async (hash) => {
      const agent = await agents.findByKeyHash(hash);
      return agent === null ? null : enforcement.reconsider(agent);
    },
  };
}

/** Sockets of a suspended agent end before the caller goes on; the flow does the same again, and the rest. */
async function follow(deps: EnforcementDeps, request: EvaluationRequest | null, handle: string): Promise<void> {
  if (request === null) return;
  void tellFlow(deps, request, handle);
  const agent = (await findFacts(deps.database, [request.agentId])).get(request.agentId);
  if (agent?.status === 'suspended') {
    await deps.orders.give({ kind: 'close', agentId: request.agentId, ...SUSPENDED_CLOSE });
  }
}

/** What fails here is taken up by the relay within seconds: the row stays. */
async function tellFlow(
  { database, flows, log }: EnforcementDeps,
  request: EvaluationRequest | null,
  handle: string,
): Promise<void> {
  if (request === null) return;
  try {
    await flows.askForEvaluation({ id: request.agentId, handle }, request.trigger);
    await removeRows(database, [request.id]);
  } catch (error) {
    log.debug({ event: 'enforcement.flow_not_told', agentId: request.agentId, err: error });
  }
}
