import { AppError } from '../../contract/errors';
import { newId } from '../../platform/ids';
import { hashRefreshToken } from '../../platform/refresh-tokens';
import type { Owner } from '../../store/schema/collections/owners';
import {
  deletePending,
  findLastSignIn,
  findPending,
  insertPending,
  recordCommitted,
} from '../../store/verification/pendings';
import { signIn } from '../../store/owners/sign-in';
import { isKnownDevice, type ShownSession } from './known-device';
import { commitVerified, newPending, proveCode, type CodeCheckDeps } from './prove-code';
import { issueAccessToken, type SessionTokens } from './refresh-session';
import type { TokenPair } from '../http/owner-cookies';

/** The two calls of a sign-in by mailed code; where it stands in between is the flow's (dashboard.md §3.4). */
export interface OwnerSignIn {
  /** Mails a code; `shown` is what the device shows of a session. @returns the pending id @throws AppError OTP_*, SERVICE_UNAVAILABLE */
  start(email: string, shown: ShownSession): Promise<string>;
  /** @throws AppError EXPIRED, OTP_ATTEMPTS_EXHAUSTED, INVALID_CODE, SERVICE_UNAVAILABLE */
  verify(pendingId: string, code: string): Promise<{ owner: Owner; pair: TokenPair }>;
  /** The same for callers who remember the address only: of its last code. @throws as `verify` */
  verifyEmail(email: string, code: string, shown: ShownSession): Promise<{ owner: Owner; pair: TokenPair }>;
}

export function createOwnerSignIn(deps: Deps): OwnerSignIn {
  return {
    start: (email, shown) => start(deps, email, shown),
    verify: (pendingId, code) => verify(deps, pendingId, code),
    verifyEmail: async (email, code, shown) => {
      const isKnown = await isKnownDevice(deps, email, shown);
      const asked = { email, isKnownDevice: isKnown, now: deps.clock.now() };
      const pendingId = await findLastSignIn(deps.database, asked);
      if (pendingId === null) throw new AppError('EXPIRED');
      return verify(deps, pendingId, code);
    },
  };
}

type Deps = CodeCheckDeps & SessionTokens;

/** As a registration: the row first, then the flow; a refusal removes the row, a crash lets it expire. */
async function start(deps: Deps, email: string, shown: ShownSession): Promise<string> {
  const isKnown = await isKnownDevice(deps, email, shown);
  const pending = newPending(deps, {
    _id: newId('ownerPending'),
    purpose: 'sign_in',
    email,
    ...(isKnown ? { isKnownDevice: true } : {}),
  });
  await insertPending(deps.database, pending);
  try {
    await deps.flows.mailCode('sign-in', pending._id, null);
  } catch (error) {
    await deletePending(deps.database, pending._id).catch(() => undefined);
    throw error;
  }
  return pending._id;
}

/** The flow rules on the code; this process then makes owner and session in its own transaction, as a registration does. */
async function verify(deps: Deps, pendingId: string, code: string): Promise<{ owner: Owner; pair: TokenPair }> {
  const pending = await findPending(deps.database, pendingId, 'sign_in');
  if (pending === null) throw new AppError('EXPIRED');
  await proveCode(deps, 'sign-in', pending, code);
  const refreshToken = deps.refreshTokens.first();
  const at = deps.clock.now();
  const input = {
    email: pending.email,
    sessionId: newId('ownerSession'),
    tokenHash: hashRefreshToken(refreshToken),
    at,
  };
  return commitVerified(deps, 'sign-in', pendingId, async (done) => {
    const owner = await signIn(deps.database, input, ({ _id: ownerId }, session) =>
      recordCommitted(deps.database, { ...done, commit: { ownerId }, at }, session),
    );
    const access = issueAccessToken(
      deps,
      { ownerId: owner._id, sessionId: input.sessionId },
      at,
      deps.accessTokens.keyId,
    );
    return { commit: { ownerId: owner._id }, owner, pair: { access, refresh: refreshToken } };
  });
}
