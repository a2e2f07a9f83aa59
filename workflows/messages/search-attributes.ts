import { defineSearchAttributeKey } from '@temporalio/common';

/** Search attributes that must exist on the namespace before the first flow starts. */
export const SEARCH_ATTRIBUTES = ['AgentHandle', 'Stage', 'WebhookId', 'GroupId'] as const;

export const AGENT_HANDLE = defineSearchAttributeKey('AgentHandle', 'KEYWORD');
export const STAGE = defineSearchAttributeKey('Stage', 'KEYWORD');
export const GROUP_ID = defineSearchAttributeKey('GroupId', 'KEYWORD');
export const WEBHOOK_ID = defineSearchAttributeKey('WebhookId', 'KEYWORD');
