import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { AttemptCounts, WebhookHealth } from '../../domain/webhook-health';

/** One flow for each webhook. */
export const webhookFlowId = (webhookId: string): string => `webhook:${webhookId}`;

/** Input of the flow of a failing webhook: never its URL. */
export interface WebhookFlowInput {
  webhookId: string;
  /** Of the agent whose webhook it is. */
  handle: string;
  /** False on servers that take no search attributes (the time-skipping test server). */
  hasSearchAttributes: boolean;
  /** What a run that grew too long hands to the next. */
  resumed?: { orders: WebhookOrder[]; view: WebhookFlowView };
}

/** What operators can ask of a failing webhook. */
export type WebhookOrder = { kind: 'retry_now' } | { kind: 'disable' } | { kind: 'skip'; deliveryId: string };

/** Where a failing webhook stands; the counts are those of the flow. */
export type WebhookFlowView = WebhookHealth & AttemptCounts;

/** Signal: an attempt failed, or something else is to be attempted by `dueAt` (epoch ms). May come any number of times. */
export const attemptFailedSignal = defineSignal<[{ dueAt: number }]>('attemptFailed');

/** Signal: what failed is due now, whatever its delay or the cool-down. */
export const retryNowSignal = defineSignal('retryNow');

/** Signal: switch the webhook off and cancel what waits. */
export const disableSignal = defineSignal('disable');

/** Signal: cancel this delivery. */
export const skipSignal = defineSignal<[{ deliveryId: string }]>('skip');

/** Query: the last state; null before the first attempts. */
export const healthQuery = defineQuery<WebhookFlowView | null>('health');
