import { FLOW_NAMES } from '../../workflows/messages/flows';
import type { FlowClient } from './flow-client';

/** How many flows of one type are in one of Temporal's states (`Running`, `Failed`, …). */
export interface FlowCount {
  flow: string;
  status: string;
  count: number;
}

/** For the figures of a worker. */
export interface FlowCounts {
  /**
   * One count per type of flow, by the namespace's index.
   * @throws the client's error when the server does not answer
   */
  countFlows(): Promise<FlowCount[]>;
}

/** A scrape must not hang on Temporal. */
const COUNT_MS_MAX = 3_000;

export function createFlowCounts({ client, within }: FlowClient): FlowCounts {
  const countOf = async (flow: string): Promise<FlowCount[]> => {
    const { groups } = await client.workflow.count(`WorkflowType = '${flow}' GROUP BY ExecutionStatus`);
    return groups.map(({ count, groupValues: [status] }) => ({ flow, status: String(status), count }));
  };
  return {
    countFlows: () => within(COUNT_MS_MAX, async () => (await Promise.all(FLOW_NAMES.map(countOf))).flat()),
  };
}
