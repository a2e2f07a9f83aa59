import type { AccountDeletionInput, AccountDeletionProgress } from './account-deletion';
import type { CodeFlowInput, CodeFlowResult } from './code-by-mail';
import type { EnforcementInput, EnforcementView } from './enforcement';
import type { GroupDeletionInput, GroupDeletionProgress } from './group-deletion';
import type { HousekeepingInput, HousekeepingResult } from './housekeeping';
import type { InboxReleaseInput, ReleaseView } from './inbox-release';
import type { TeamTurnInput, TeamTurnView } from './team-turn';
import type { PaidTurnInput, PaidTurnView } from './paid-turn';
import type { TurnInput, TurnView } from './turn';
import type { WebhookFlowInput, WebhookFlowView } from './webhook';
import type { WebhookRecoveryInput, WebhookRecoveryView } from './webhook-recovery';
import type { WebhookTestResult } from '../../domain/webhook-samples';
import type { WebhookTestInput } from './webhook-test';

type CodeFlow = (input: CodeFlowInput) => Promise<CodeFlowResult>;

/** The flows under the names that they are started by; `workflows/index.ts` exports a function for each. */
export interface FlowTypes {
  registration: CodeFlow;
  recovery: CodeFlow;
  rotation: CodeFlow;
  signIn: CodeFlow;
  visit: CodeFlow;
  accountDeletion: (input: AccountDeletionInput) => Promise<AccountDeletionProgress>;
  groupDeletion: (input: GroupDeletionInput) => Promise<GroupDeletionProgress>;
  enforcement: (input: EnforcementInput) => Promise<EnforcementView>;
  inboxRelease: (input: InboxReleaseInput) => Promise<ReleaseView>;
  teamTurn: (input: TeamTurnInput) => Promise<TeamTurnView>;
  paidTurn: (input: PaidTurnInput) => Promise<PaidTurnView>;
  turn: (input: TurnInput) => Promise<TurnView>;
  webhook: (input: WebhookFlowInput) => Promise<WebhookFlowView>;
  webhookRecovery: (input: WebhookRecoveryInput) => Promise<WebhookRecoveryView>;
  webhookTest: (input: WebhookTestInput) => Promise<WebhookTestResult>;
  housekeeping: (input: HousekeepingInput) => Promise<HousekeepingResult>;
}

/** Compiles only while it names every flow. */
const EVERY_FLOW: Record<keyof FlowTypes, true> = {
  registration: true,
  recovery: true,
  rotation: true,
  signIn: true,
  visit: true,
  accountDeletion: true,
  groupDeletion: true,
  enforcement: true,
  inboxRelease: true,
  teamTurn: true,
  paidTurn: true,
  turn: true,
  webhook: true,
  webhookRecovery: true,
  webhookTest: true,
  housekeeping: true,
};

export const FLOW_NAMES = Object.keys(EVERY_FLOW);
