/** What decides whether a share link works (gateway.md §6.1). */
export interface LinkTerms {
  enabled: boolean;
  expiresAt: Date | null;
  maxMessages: number | null;
  usage: { messages: number };
}

/**
 * Whether a link lets its visitors in. One whose messages are used up works on for who has begun over it, to hear the last
 * answer; nobody begins.
 */
export function stateOfLink(
  { enabled, expiresAt, maxMessages, usage }: LinkTerms,
  now: Date,
): 'open' | 'used-up' | 'closed' {
  if (!enabled || (expiresAt !== null && expiresAt <= now)) return 'closed';
  return maxMessages !== null && usage.messages >= maxMessages ? 'used-up' : 'open';
}
