import { CODE_COOLDOWN_MS } from '../contract/limits';

/** What a recovery would replace the key of; `handle` null = nobody's, a decoy (identity.md §5, D-18). */
export interface RecoveryTarget {
  /** Null also where several agents are meant: the caller names one after the right code. */
  agentId: string | null;
  handle: string | null;
  /** False until a code was counted for it. Absent = true. */
  hasCode?: boolean;
}

/** A recovery as it waits for its code. */
export interface RecoveryPending extends RecoveryTarget {
  _id: string;
  createdAt: Date;
  expiresAt: Date;
}

/** What is known of the email's recovery: its row, absent fields included. */
export interface RecoveryRow {
  until: Date;
  coolsUntil?: Date;
  asks?: number;
  isStandIn?: boolean;
}

export interface RecoveryChoice<P extends RecoveryPending> {
  pending: P;
  /** The pending was there already. */
  isEarlier: boolean;
  coolsUntil: Date;
  /** How often a mail was asked for. */
  asks: number;
  isStandIn: boolean;
}

/**
 * What asking for a recovery comes to, at the moment when `fresh` was made. Whether anybody is behind the email changes
 * no branch, or ids and cooldowns would tell:
 *
 * - An earlier pending that lives is answered again, so that neither a stranger's ask ends the one whose code its owner
 *   is typing, nor many asks make many codes to guess at. After the minute it is one more ask for its mail.
 * - Used or burned within its minute: a decoy stands in for the rest of the minute.
 * - Otherwise `fresh`.
 */
export function decideRecovery<P extends RecoveryPending>(of: {
  row: RecoveryRow | null;
  earlier: P | null;
  fresh: P;
}): RecoveryChoice<P> {
  const { row, fresh } = of;
  const now = fresh.createdAt;
  const earlier = of.earlier !== null && of.earlier.expiresAt > now ? of.earlier : null;
  const coolsUntil = row?.coolsUntil ?? row?.until ?? now;
  const isCool = coolsUntil > now;
  const isStandIn = row?.isStandIn === true;
  const cooling = isCool ? coolsUntil : new Date(now.getTime() + CODE_COOLDOWN_MS);
  if (earlier !== null && (isCool || !isStandIn)) {
    const pending = isStandIn ? earlier : { ...earlier, ...meant(earlier, fresh) };
    const asks = (row?.asks ?? 1) + (isCool ? 0 : 1);
    return { pending, isEarlier: true, coolsUntil: cooling, asks, isStandIn };
  }
  // One whose time ran out was neither used nor burned: who asks again has a new one, mailed when the minute is over.
  const standsIn = isCool && row !== null && row.until > now;
  const pending = standsIn ? { ...fresh, agentId: null, handle: null } : fresh;
  return { pending, isEarlier: false, coolsUntil: cooling, asks: 1, isStandIn: standsIn };
}

/**
 * Whom a pending is for that was asked for twice. An ask that fits nobody changes nothing, so that a stranger who names a
 * wrong handle cannot make a decoy of it; one that fits makes a decoy real, whose code is then still to be mailed. Two that
 * name different agents mean neither: the right code ends in `HANDLE_REQUIRED`.
 */
function meant(earlier: RecoveryTarget, fresh: RecoveryTarget): RecoveryTarget {
  const { agentId, handle, hasCode = true } = earlier;
  if (fresh.handle === null) return { agentId, handle, hasCode };
  if (handle === null) return { agentId: fresh.agentId, handle: fresh.handle, hasCode: false };
  return { agentId: agentId === fresh.agentId ? agentId : null, handle, hasCode };
}
