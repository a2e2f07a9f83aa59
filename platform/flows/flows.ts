import { createAccountFlows, type AccountFlows } from './account-deletion';
import { createCodeFlows, type CodeFlows } from './code-by-mail';
import { createGroupFlows, type GroupFlows } from './group-deletion';
import { createEnforcementFlows, type EnforcementFlows } from './enforcement';
import { createReleaseFlows, type ReleaseFlows } from './inbox-release';
import { createTeamTurnFlows, type TeamTurnFlows } from './team-turn';
import { createTurnFlows, type TurnFlows } from './turn';
import { createScheduleFlows, type ScheduleFlows } from './housekeeping';
import { createRecoveryFlows, type RecoveryFlows } from './webhook-recovery';
import { createWebhookFlows, type WebhookFlows } from './webhook';
import { createWebhookTestFlows, type WebhookTestFlows } from './webhook-test';
import { createFlowCounts, type FlowCounts } from './count-flows';
import { createFlowClient, type FlowClient, type FlowClientDeps } from './flow-client';

/** The one typed client of the durable flows; each kind of flow has its part in `flows/`. */
export type Flows = CodeFlows &
  AccountFlows &
  GroupFlows &
  EnforcementFlows &
  WebhookFlows &
  RecoveryFlows &
  WebhookTestFlows &
  ReleaseFlows &
  TurnFlows &
  TeamTurnFlows &
  ScheduleFlows &
  FlowCounts &
  Pick<FlowClient, 'isUp' | 'close'>;

export function createFlows(deps: FlowClientDeps): Flows {
  const flows = createFlowClient(deps);
  return {
    ...createCodeFlows(flows),
    ...createAccountFlows(flows),
    ...createGroupFlows(flows),
    ...createEnforcementFlows(flows),
    ...createWebhookFlows(flows),
    ...createRecoveryFlows(flows),
    ...createWebhookTestFlows(flows),
    ...createReleaseFlows(flows),
    ...createTurnFlows(flows),
    ...createTeamTurnFlows(flows),
    ...createScheduleFlows(flows),
    ...createFlowCounts(flows),
    isUp: flows.isUp,
    close: flows.close,
  };
}
