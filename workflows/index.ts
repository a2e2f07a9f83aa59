import { accountDeletion } from './account-deletion';
import { enforcement } from './enforcement';
import { groupDeletion } from './group-deletion';
import { housekeeping } from './housekeeping';
import { inboxRelease } from './inbox-release';
import type { FlowTypes } from './messages/flows';
import { paidTurn } from './paid-turn';
import { recovery } from './recovery';
import { registration } from './registration';
import { rotation } from './rotation';
import { signIn } from './sign-in';
import { teamTurn } from './team-turn';
import { turn } from './turn';
import { visit } from './visit';
import { webhook } from './webhook';
import { webhookRecovery } from './webhook-recovery';
import { webhookTest } from './webhook-test';

const flows = {
  accountDeletion,
  enforcement,
  groupDeletion,
  housekeeping,
  inboxRelease,
  paidTurn,
  recovery,
  registration,
  rotation,
  signIn,
  teamTurn,
  turn,
  visit,
  webhook,
  webhookRecovery,
  webhookTest,
};

// Compiles only while every flow is what its clients start.
void (flows satisfies FlowTypes);

export {
  accountDeletion,
  enforcement,
  groupDeletion,
  housekeeping,
  inboxRelease,
  paidTurn,
  recovery,
  registration,
  rotation,
  signIn,
  teamTurn,
  turn,
  visit,
  webhook,
  webhookRecovery,
  webhookTest,
};
