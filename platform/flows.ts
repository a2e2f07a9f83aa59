import { createAccountFlows, type AccountFlows } from './flows/account-flows';
import { createCodeFlows, type CodeFlows } from './flows/code-flows';
import { createGroupFlows, type GroupFlows } from './flows/group-flows';
import { createEnforcementFlows, type EnforcementFlows } from './flows/enforcement-flow';
import { createReleaseFlows, type ReleaseFlows } from './flows/release-flow';
import { createScheduleFlows, type ScheduleFlows } from './flows/schedules';
import { createWebhookFlows, type WebhookFlows } from './flows/webhook-flow';
import { createFlowClient, type FlowClient, type FlowClientDeps } from './flows/flow-client';

/** The one typed client of the durable flows; each kind of flow has its part in `flows/`. */
export type Flows = CodeFlows &
  AccountFlows &
  GroupFlows &
  EnforcementFlows &
  WebhookFlows &
  ReleaseFlows &
  ScheduleFlows &
  Pick<FlowClient, 'isUp' | 'close'>;

export function createFlows(deps: FlowClientDeps): Flows {
  const flows = createFlowClient(deps);
  return {
    ...createCodeFlows(flows),
    ...createAccountFlows(flows),
    ...createGroupFlows(flows),
    ...createEnforcementFlows(flows),
    ...createWebhookFlows(flows),
    ...createReleaseFlows(flows),
    ...createScheduleFlows(flows),
    isUp: flows.isUp,
    close: flows.close,
  };
}
