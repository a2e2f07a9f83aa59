import { OWN_CODES_PER_HOUR } from '../../contract/code-limits';
import { CODE_COOLDOWN_MS, CODES_HOUR_MS, CODES_PER_HOUR_MAX } from '../../contract/limits';
import { budgetOf, type CodeBudget } from '../../domain/code-budgets';
import type { CodeCounter, Pending } from '../schema/collections/verification';
import { withTransaction, type Database } from '../schema/database';
import { makeOrFind } from '../schema/conflicts';
import { emailKey } from '../accounts/create-agent';

/** What asking for one more code to an email comes to. */
export type CodeGrant = { kind: 'granted' } | { kind: 'cooldown' | 'hourly_cap'; retryAfterMs: number };

/** What a code is counted for. */
export type Counted = Pick<Pending, '_id' | 'email' | 'purpose' | 'agentId' | 'isKnownDevice'>;

/**
 * Decides identity.md §3 checks 8 and 9 on one email's counter; null = no code in the last hour. Where strangers have
 * used the hour up, a budget of its own still has its mails (identity.md §5). Pure.
 */
export function grantCode(counter: CodeCounter | null, budget: CodeBudget, nowMs: number): CodeGrant {
  const cooldownMs = (counter?.cooldownUntil?.getTime() ?? 0) - nowMs;
  if (cooldownMs > 0) return { kind: 'cooldown', retryAfterMs: cooldownMs };
  const hourEndsMs = (counter?.hourStartedAt.getTime() ?? 0) + CODES_HOUR_MS - nowMs;
  if (counter === null || hourEndsMs <= 0 || counter.sentInHour < CODES_PER_HOUR_MAX) return { kind: 'granted' };
  const hasOwn = budget !== 'anybody' && (counter.own?.[budget] ?? 0) < OWN_CODES_PER_HOUR;
  return hasOwn ? { kind: 'granted' } : { kind: 'hourly_cap', retryAfterMs: hourEndsMs };
}

/**
 * Takes one code of the email's cooldown and hour for this pending, in one transaction. Repeating it for the same `ask`
 * grants again without counting twice; two pendings at once: one waits for the other's cooldown. From the same commit on
 * a recovery has a code that can be right: one that was refused here has none, whoever guesses.
 * @param ask which mail of the pending it is, from 1
 */
export async function takeCode(database: Database, pending: Counted, now: Date, ask = 1): Promise<CodeGrant> {
  const _id = emailKey(pending.email);
  const name = counted(pending._id, ask);
  const budget = budgetOf(pending);
  const take = (): Promise<CodeGrant> =>
    withTransaction(database, async (session) => {
      const counter = await database.codeCounters.findOne({ _id }, { session });
      if (counter?.takenBy.includes(name)) return { kind: 'granted' } as const;
      const grant = grantCode(counter, budget, now.getTime());
      if (grant.kind !== 'granted') return grant;
      const taken = countOne(counter, { name, budget, now });
      if (counter === null) await database.codeCounters.insertOne({ _id, ...taken }, { session });
      else await database.codeCounters.updateOne({ _id }, { $set: taken }, { session });
      if (pending.purpose === 'recover') {
        await database.pendings.updateOne({ _id: pending._id }, { $set: { hasCode: true } }, { session });
      }
      return { kind: 'granted' } as const;
    });
  return makeOrFind(take);
}

/** The first mail is counted under the pending's id alone. */
const counted = (pendingId: string, ask: number): string => (ask === 1 ? pendingId : `${pendingId}#${ask}`);

/** The counter with one code more. */
function countOne(
  counter: CodeCounter | null,
  { name, budget, now }: { name: string; budget: CodeBudget; now: Date },
): Omit<CodeCounter, '_id'> {
  const hour = counter !== null && counter.hourStartedAt.getTime() + CODES_HOUR_MS > now.getTime() ? counter : null;
  const hourStartedAt = hour?.hourStartedAt ?? now;
  const own = hour?.own ?? {};
  return {
    cooldownUntil: new Date(now.getTime() + CODE_COOLDOWN_MS),
    hourStartedAt,
    sentInHour: (hour?.sentInHour ?? 0) + 1,
    takenBy: [...(hour?.takenBy ?? []), name],
    own: budget === 'anybody' ? own : { ...own, [budget]: (own[budget] ?? 0) + 1 },
    expiresAt: new Date(Math.max(hourStartedAt.getTime() + CODES_HOUR_MS, now.getTime() + CODE_COOLDOWN_MS)),
  };
}

/** Gives back what this pending took, because its mail was not accepted. Repeating it changes nothing. */
export async function giveBackCode(database: Database, pending: Counted): Promise<void> {
  const name = counted(pending._id, 1);
  const budget = budgetOf(pending);
  await database.codeCounters.updateOne(
    { _id: emailKey(pending.email), takenBy: name },
    {
      $pull: { takenBy: name },
      $inc: { sentInHour: -1, ...(budget === 'anybody' ? {} : { [`own.${budget}`]: -1 }) },
      $set: { cooldownUntil: null },
    },
  );
}
