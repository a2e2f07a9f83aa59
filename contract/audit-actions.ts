/** What audit events tell: identity.md §1, social.md §6 G10, dashboard.md §7. Import-free. An action is never renamed. */
export const AUDIT_ACTIONS = [
  'agent.created',
  'agent.deleted',
  'agent.key_rotated',
  'agent.status_changed',
  'agent.enforcement_changed',
  'agent.claimed',
  'agent.released',
  'agent.claim_attempted',
  'agent.claim_revoked',
  'agent.paused',
  'agent.unpaused',
  'agent.blocked',
  'agent.unblocked',
  'agent.reported',
  'webhook.created',
  'webhook.deleted',
  'webhook.updated',
  'webhook.secret_rotated',
  'webhook.secret_revoked',
  'webhook.redelivered',
  'webhook.recovery_requested',
  'webhook.tested',
  'owner.created',
  'owner.signed_in',
  'owner.signed_out_all',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Who did it. `operator` is whoever `X-Ops-Operator` names; owners are shown it as `system`. */
export const AUDIT_ACTORS = ['agent', 'owner', 'system', 'operator'] as const;

export type AuditActorType = (typeof AUDIT_ACTORS)[number];
