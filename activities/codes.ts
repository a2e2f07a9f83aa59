import { ApplicationFailure } from '@temporalio/activity';
import { deriveCode, isRightProof } from '../platform/codes';
import type { SecretKey } from '../platform/config';
import type { Mailer } from '../platform/mail';
import type { Logger } from '../platform/logger';
import { giveBackCode, takeCode } from '../store/code-counters';
import type { Pending } from '../store/collections/verification';
import type { Database } from '../store/database';
import { deletePending } from '../store/pendings';
import type { BeginAnswer } from '../workflows/messages';

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
     * the same Message-ID. When the mail is not accepted, counters and pending are given back.
     */
    async mailCode({ pendingId, now }: { pendingId: string; now: number }): Promise<BeginAnswer> {
      const { pending, key } = await loadPending(deps, pendingId);
      if (pending === null || key === null) return { kind: 'mail_failed' };
      const grant = await takeCode(deps.database, pending.email, pendingId, new Date(now));
      if (grant.kind !== 'granted') {
        await deletePending(deps.database, pendingId);
        return grant;
      }
      try {
        await deps.mailer.sendCode({ to: pending.email, code: deriveCode(key, pendingId), pendingId });
        return { kind: 'mailed' };
      } catch (error) {
        // Mail errors quote addresses: only their code is logged.
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        deps.log.warn({ event: 'mail.refused', pendingId, code });
        await giveBackCode(deps.database, pending.email, pendingId);
        await deletePending(deps.database, pendingId);
        return { kind: 'mail_failed' };
      }
    },

    /** True when `proof` is that of the right code. Changes nothing; may run any number of times. */
    async checkProof({ pendingId, proof }: { pendingId: string; proof: string }): Promise<boolean> {
      const { pending, key } = await loadPending(deps, pendingId);
      return pending !== null && key !== null && isRightProof(key, pendingId, proof);
    },

    /** Removes the pending row. A second run finds nothing and is done. */
    closePending: ({ pendingId }: { pendingId: string }): Promise<void> => deletePending(deps.database, pendingId),
  };
}

export type CodeActivities = ReturnType<typeof createCodeActivities>;

async function loadPending(
  deps: CodeActivityDeps,
  pendingId: string,
): Promise<{ pending: Pending | null; key: SecretKey | null }> {
  const pending = await deps.database.pendings.findOne({ _id: pendingId }, { maxTimeMS: 5_000 }).catch(() => {
    // Driver errors can quote documents; the history gets a code only.
    throw ApplicationFailure.retryable('the database is out of reach', 'SERVICE_UNAVAILABLE');
  });
  return { pending, key: deps.secretKeys.find((candidate) => candidate.id === pending?.keyId) ?? null };
}
