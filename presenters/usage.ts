import type { UsageView } from '../contract/turn-usage';
import { dollarsOf, type TurnUsage } from '../domain/turn-report';

/** What an answer has cost, in dollars; null where its agent told nothing. */
export const costOf = (usage: TurnUsage | undefined): number | null =>
  usage === undefined || usage.costNanos === null ? null : dollarsOf(usage.costNanos);

/** A usage as its agent told it (gateway.md §8.2). */
export function presentUsage(usage: TurnUsage | undefined): UsageView | null {
  if (usage === undefined) return null;
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cost_usd: costOf(usage),
    model: usage.model,
    context_used: usage.contextUsed,
    context_max: usage.contextMax,
  };
}
