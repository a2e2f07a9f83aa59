import { ApplicationFailure } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { deriveCode, isRightProof } from '../platform/codes';
import type { SecretKey } from '../platform/config';
import type { Mailer } from '../platform/mail';
import type { Logger } from '../platform/logger';
import { giveBackCode, takeCode, type CodeGrant } from '../store/verification/code-counters';
import type { Pending } from '../store/schema/collections/verification';
import type { Database } from '../store/schema/database';
import { deletePending, loadPending } from '../store/verification/pendings';
import { giveBackTry, takeTry } from '../store/verification/wrong-codes';
import type { BeginAnswer } from '../workflows/messages/code-by-mail';

export interface CodeActivityDeps {
  database: Database;
  mailer: Mailer;
  secretKeys: SecretKey[];
  log: Logger;
}

/** The side effects of the flows that mail a code. Inputs and results hold ids and hashes only. */
export function createCodeActivities(deps: CodeActivityDeps) {
  return {
    /**
     * Takes the email's counters and mails the code. A second run takes nothing twice and mails the same code under
     * the same Message-ID, also while a first one is still at it: neither takes anything back. `mail_failed`: the mail
     * system has refused it for good.
     * @throws ApplicationFailure OTP_FAILED when it may take the mail at another try, or has not answered in time
     */
    async mailCode({ pendingId, now }: { pendingId: string; now: number }): Promise<BeginAnswer> {
      const { pending, key } = await loadWithKey(deps, pendingId);
      if (pending === null || key === null) return { kind: 'mail_failed' };
      const grant = await takeCode(deps.database, pending, new Date(now));
      if (grant.kind !== 'granted') return grant;
      const sent = await sendCode(deps, pending, key, { now });
      if (sent === 'unanswered') throw notAccepted();
      return { kind: sent === 'accepted' ? 'mailed' : 'mail_failed' };
    },

    /**
     * Behind the last try of a code that was not mailed: what it took of the counters is given back and its pending goes,
     * so that its caller may ask again at once. A second run finds nothing and is done.
     */
    async withdrawCode({ pendingId }: { pendingId: string }): Promise<void> {
      const pending = await loadPending(deps.database, pendingId);
      if (pending === null) return;
      await giveBackCode(deps.database, pending);
      await deletePending(deps.database, pendingId);
    },

    /**
     * The same for a recovery, which nobody waits for: a decoy takes the counters and mails nothing, a refusal leaves the
     * pending without a code that can be right, and a mail that was not accepted is tried again (the counters stay taken,
     * as a decoy's do). `ask` says which mail of the pending it is: each is counted, all carry the same code.
     */
    async mailRecoveryCode({ pendingId, now, ask = 1 }: RecoveryMailOrder): Promise<RecoveryMail> {
      const { pending, key } = await loadWithKey(deps, pendingId);
      if (pending === null || key === null) return { kind: 'no_mail' };
      const grant = await takeCode(deps.database, pending, new Date(now), ask);
      if (grant.kind !== 'granted') return grant;
      if (isDecoy(pending)) return { kind: 'no_mail' };
      if ((await sendCode(deps, pending, key, { now, ask })) === 'accepted') return { kind: 'mailed' };
      throw notAccepted();
    },

    /**
     * True when `proof` is that of the right code, and the wrong codes of its email leave room for one more try
     * (identity.md §5). The try is counted before it is compared, and the same steps are taken whether there is room or
     * not; only a right code gives its place back. Running the same attempt again counts nothing twice.
     */
    async checkProof({ pendingId, proof, attempt }: ProofCheck): Promise<boolean> {
      const { pending, key } = await loadWithKey(deps, pendingId);
      if (pending === null || key === null) return false;
      const tried = { pending, name: attempt === undefined ? proof : String(attempt) };
      const hasRoom = await takeTry(deps.database, tried);
      const isRight = isRightProof(key, pendingId, proof) && canBeRight(pending);
      if (!hasRoom || !isRight) return false;
      await giveBackTry(deps.database, tried);
      return true;
    },

    /** Removes the pending row. A second run finds nothing and is done. */
    closePending: ({ pendingId }: { pendingId: string }): Promise<void> => deletePending(deps.database, pendingId),
  };
}

interface RecoveryMailOrder {
  pendingId: string;
  now: number;
  /** Absent in flows that began when a recovery had one mail. */
  ask?: number;
}

interface ProofCheck {
  pendingId: string;
  proof: string;
  /** Which try of the pending it is. Absent in flows that began when only pendings counted tries. */
  attempt?: number;
}

/** What became of the mail of a recovery. */
export type RecoveryMail = Exclude<CodeGrant, { kind: 'granted' }> | { kind: 'mailed' | 'no_mail' };

export type CodeActivities = ReturnType<typeof createCodeActivities>;

async function loadWithKey(
  deps: CodeActivityDeps,
  pendingId: string,
): Promise<{ pending: Pending | null; key: SecretKey | null }> {
  const pending = await loadPending(deps.database, pendingId);
  return { pending, key: deps.secretKeys.find((candidate) => candidate.id === pending?.keyId) ?? null };
}

/** A recovery that no agent stands behind (identity.md §5). */
const isDecoy = ({ purpose, handle }: Pending): boolean => purpose === 'recover' && handle === null;

/** Whether any code is right: not for a decoy, nor where the counters have granted none (cooldown, hourly cap). */
const canBeRight = (pending: Pending): boolean => !isDecoy(pending) && pending.hasCode !== false;

const notAccepted = (): ApplicationFailure =>
  ApplicationFailure.create({
    message: 'the mail system did not accept the code',
    type: 'OTP_FAILED',
    category: ApplicationFailureCategory.BENIGN,
  });

/** @returns what the mail system said: `refused` is for good, `unanswered` is worth another try */
async function sendCode(
  deps: CodeActivityDeps,
  pending: Pending,
  key: SecretKey,
  { now, ask = 1 }: { now: number; ask?: number },
): Promise<'accepted' | 'refused' | 'unanswered'> {
  const { _id: pendingId, email: to, purpose } = pending;
  const validMs = pending.expiresAt.getTime() - now;
  try {
    await deps.mailer.sendCode({ to, code: deriveCode(key, pendingId), pendingId, ask, purpose, validMs });
    return 'accepted';
  } catch (error) {
    // Mail errors quote addresses: only their codes are logged.
    const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
    deps.log.warn({ event: 'mail.refused', pendingId, code, responseCode });
    return typeof responseCode === 'number' && responseCode >= 500 ? 'refused' : 'unanswered';
  }
}
