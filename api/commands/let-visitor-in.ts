import { AppError } from '../../contract/errors';
import { VISITOR_TOKEN_HOURS } from '../../contract/limits';
import { hashLinkToken, newVisitorToken, visitorIdOf } from '../../platform/link-tokens';
import { insertVisit } from '../../store/gateway/visits';
import { withTransaction } from '../../store/schema/database';
import { deletePending, findLastVisit, insertPending, recordCommitted } from '../../store/verification/pendings';
import { commitVerified, newPending, proveCode, type CodeCheckDeps } from './prove-code';

/** The two calls by which a visitor of a share link proves an address (gateway.md §6.2). */
export interface Visits {
  /** Mails a code. @throws AppError OTP_*, SERVICE_UNAVAILABLE */
  request(linkId: string, email: string): Promise<void>;
  /**
   * What the visitor is known by from then on: the address is the visitor.
   * @throws AppError EXPIRED, OTP_ATTEMPTS_EXHAUSTED, INVALID_CODE, SERVICE_UNAVAILABLE
   */
  confirm(linkId: string, email: string, code: string): Promise<{ sessionToken: string; expiresAt: Date }>;
}

export function createVisits(deps: CodeCheckDeps): Visits {
  return {
    request: (linkId, email) => request(deps, linkId, email),
    confirm: (linkId, email, code) => confirm(deps, linkId, email, code),
  };
}

/** As a registration: the row first, then the flow; a refusal removes the row, a crash lets it expire. */
async function request(deps: CodeCheckDeps, linkId: string, email: string): Promise<void> {
  const pending = newPending(deps, { purpose: 'visit', email, linkId });
  await insertPending(deps.database, pending);
  try {
    await deps.flows.mailCode('visit', pending._id, null);
  } catch (error) {
    await deletePending(deps.database, pending._id).catch(() => undefined);
    throw error;
  }
}

/** The flow rules on the code; this process then keeps the visit in its own transaction. */
async function confirm(deps: CodeCheckDeps, linkId: string, email: string, code: string) {
  const now = deps.clock.now();
  const pending = await findLastVisit(deps.database, { linkId, email, now });
  if (pending === null) throw new AppError('EXPIRED');
  await proveCode(deps, 'visit', pending, code);
  const sessionToken = newVisitorToken();
  const at = deps.clock.now();
  const expiresAt = new Date(at.getTime() + VISITOR_TOKEN_HOURS * 3_600_000);
  const visitorId = visitorIdOf(linkId, email);
  const visit = { _id: hashLinkToken(sessionToken), linkId, visitorId, verifiedEmail: email, expiresAt, createdAt: at };
  return commitVerified(deps, 'visit', pending._id, (done) =>
    withTransaction(deps.database, async (transaction) => {
      await insertVisit(deps.database, visit, transaction);
      await recordCommitted(deps.database, { ...done, commit: { visitorId }, at }, transaction);
      return { commit: { visitorId }, sessionToken, expiresAt };
    }),
  );
}
