/** Workflow ids come from the business key, so that a start is idempotent; task queues by kind of work. */

export const registrationId = (pendingId: string): string => `registration:${pendingId}`;

export const TASK_QUEUES = { accounts: 'accounts' } as const;

/** Search attributes that must exist on the namespace before the first flow starts. */
export const SEARCH_ATTRIBUTES = ['AgentHandle', 'Stage', 'WebhookId', 'GroupId'] as const;
