import { CODE_COOLDOWN_MS, CODES_HOUR_MS, CODES_PER_HOUR_MAX } from '../../contract/limits';
import type { CodeCounter } from '../schema/collections/verification';
import { withTransaction, type Database } from '../schema/database';
import { makeOrFind } from '../schema/conflicts';
import { emailKey } from '../accounts/create-agent';

/** What asking for one more code to an email comes to. */
export type CodeGrant = { kind: 'granted' } | { kind: 'cooldown' | 'hourly_cap'; retryAfterMs: number };

/** Decides identity.md §3 checks 8 and 9 on one email's counter; null = no code in the last hour. Pure. */
export function grantCode(counter: CodeCounter | null, nowMs: number): CodeGrant {
  const cooldownMs = (counter?.cooldownUntil?.getTime() ?? 0) - nowMs;
  if (cooldownMs > 0) return { kind: 'cooldown', retryAfterMs: cooldownMs };
  const hourEndsMs = (counter?.hourStartedAt.getTime() ?? 0) + CODES_HOUR_MS - nowMs;
  if (counter !== null && hourEndsMs > 0 && counter.sentInHour >= CODES_PER_HOUR_MAX) {
    return { kind: 'hourly_cap', retryAfterMs: hourEndsMs };
  }
  return { kind: 'granted' };
}

/**
 * Takes one code of the email's cooldown and hour for `pendingId`, in one transaction. Repeating it for the same
 * pending grants again without counting twice; two pendings at once: one waits for the other's cooldown.
 */
export async function takeCode(database: Database, email: string, pendingId: string, now: Date): Promise<CodeGrant> {
  const _id = emailKey(email);
  const take = (): Promise<CodeGrant> =>
    withTransaction(database, async (session) => {
      const counter = await database.codeCounters.findOne({ _id }, { session });
      if (counter?.takenBy.includes(pendingId)) return { kind: 'granted' } as const;
      const grant = grantCode(counter, now.getTime());
      if (grant.kind !== 'granted') return grant;
      const isSameHour = counter !== null && counter.hourStartedAt.getTime() + CODES_HOUR_MS > now.getTime();
      const hourStartedAt = isSameHour ? counter.hourStartedAt : now;
      const taken: Omit<CodeCounter, '_id'> = {
        cooldownUntil: new Date(now.getTime() + CODE_COOLDOWN_MS),
        hourStartedAt,
        sentInHour: (isSameHour ? counter.sentInHour : 0) + 1,
        takenBy: [...(isSameHour ? counter.takenBy : []), pendingId],
        expiresAt: new Date(Math.max(hourStartedAt.getTime() + CODES_HOUR_MS, now.getTime() + CODE_COOLDOWN_MS)),
      };
      if (counter === null) await database.codeCounters.insertOne({ _id, ...taken }, { session });
      else await database.codeCounters.updateOne({ _id }, { $set: taken }, { session });
      return { kind: 'granted' } as const;
    });
  return makeOrFind(take);
}

/** Gives back what `pendingId` took, because its mail was not accepted. Repeating it changes nothing. */
export async function giveBackCode(database: Database, email: string, pendingId: string): Promise<void> {
  await database.codeCounters.updateOne(
    { _id: emailKey(email), takenBy: pendingId },
    { $pull: { takenBy: pendingId }, $inc: { sentInHour: -1 }, $set: { cooldownUntil: null } },
  );
}
