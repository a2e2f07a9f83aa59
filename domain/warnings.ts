import { COLD_OUTREACH_MAX, COLD_OUTREACH_WINDOW_MS, SENDS_PER_SECOND, WARNING_SHARE } from '../contract/limits';
import type { SenderGuard } from './guards';

/** A limit of which a sender has used so much that it should know (realtime.md §3.5). */
export interface LimitWarning {
  scope: 'sender' | 'cold_outreach';
  limit: number;
  remaining: number;
  resetAt: Date;
}

/** The limits of which the sender, an ordinary agent, has used four fifths or more at `now`. */
export function limitWarnings(sender: SenderGuard, now: Date): LimitWarning[] {
  const warnings: LimitWarning[] = [];
  const { second, count } = sender.window;
  const limit = SENDS_PER_SECOND;
  if (count >= limit * WARNING_SHARE && second === Math.floor(now.getTime() / 1000)) {
    const resetAt = new Date((second + 1) * 1000);
    warnings.push({ scope: 'sender', limit, remaining: Math.max(0, limit - count), resetAt });
  }
  const since = now.getTime() - COLD_OUTREACH_WINDOW_MS;
  const counted = sender.coldOpeners.filter(({ openedAt }) => openedAt.getTime() >= since);
  const oldest = counted[0];
  if (oldest !== undefined && counted.length >= COLD_OUTREACH_MAX * WARNING_SHARE) {
    const remaining = Math.max(0, COLD_OUTREACH_MAX - counted.length);
    const resetAt = new Date(oldest.openedAt.getTime() + COLD_OUTREACH_WINDOW_MS);
    warnings.push({ scope: 'cold_outreach', limit: COLD_OUTREACH_MAX, remaining, resetAt });
  }
  return warnings;
}
