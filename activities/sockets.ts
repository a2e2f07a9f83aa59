import { nodeIsSilent } from './failures';
import type { Orders } from '../platform/bus';

/** Side effects on the sockets of agents, wherever they are. */
export function createSocketActivities({ orders }: { orders: Orders }) {
  return {
    /**
     * Closes the agent's sockets on every node, with `keyVersion` only those that were opened with an older key. A
     * second run finds none.
     * @throws ApplicationFailure when a node that lives has not said so in time
     */
    closeSockets: async ({ agentId, reason, keyVersion }: CloseSockets): Promise<void> => {
      const age = keyVersion === undefined ? {} : { keyVersion };
      const isConfirmed = await orders.give({ kind: 'close', agentId, code: 1008, reason, ...age });
      if (!isConfirmed) throw nodeIsSilent();
    },
  };
}

export interface CloseSockets {
  agentId: string;
  reason: string;
  keyVersion?: number;
}

export type SocketActivities = ReturnType<typeof createSocketActivities>;
