import { defineSearchAttributeKey } from '@temporalio/common';

/** Workflow ids come from the business key, so that a start is idempotent; task queues by kind of work. */

/** The flows that verify an address by a mailed code. */
export type CodeFlowName = 'registration' | 'recovery' | 'rotation' | 'sign-in';

export const codeFlowId = (flow: CodeFlowName, pendingId: string): string => `${flow}:${pendingId}`;

export const accountDeletionId = (agentId: string): string => `account-deletion:${agentId}`;
export const enforcementId = (agentId: string): string => `enforcement:${agentId}`;

export const webhookFlowId = (webhookId: string): string => `webhook:${webhookId}`;

export const groupDeletionId = (groupId: string): string => `group-deletion:${groupId}`;

export const releaseId = (agentId: string): string => `release:${agentId}`;

export const TASK_QUEUES = { accounts: 'accounts', delivery: 'delivery', housekeeping: 'housekeeping' } as const;

/** What is swept by the clock; each has a schedule of this id, whose runs carry it with the time of their start. */
export const HOUSEKEEPING_TASKS = ['attachments', 'blobs', 'undelivered', 'retention', 'outbox'] as const;

export type HousekeepingTask = (typeof HOUSEKEEPING_TASKS)[number];

export const housekeepingScheduleId = (task: HousekeepingTask): string => `housekeeping:${task}`;

/** Search attributes that must exist on the namespace before the first flow starts. */
export const SEARCH_ATTRIBUTES = ['AgentHandle', 'Stage', 'WebhookId', 'GroupId'] as const;

export const AGENT_HANDLE = defineSearchAttributeKey('AgentHandle', 'KEYWORD');
export const STAGE = defineSearchAttributeKey('Stage', 'KEYWORD');
export const GROUP_ID = defineSearchAttributeKey('GroupId', 'KEYWORD');
export const WEBHOOK_ID = defineSearchAttributeKey('WebhookId', 'KEYWORD');
