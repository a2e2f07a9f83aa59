import { isMuteInForce } from '../../domain/mutes';
import { muteId, type Mute } from '../schema/collections/relations';
import type { Database } from '../schema/database';
import { READ } from '../schema/reads';
import type { GuardSet } from './guard-set';

/** One envelope that may be written, as mutes see it. A conversation that does not exist yet cannot be muted. */
export interface Reception {
  recipientId: string;
  senderId: string;
  conversationId: string | null;
}

/** The mutes that matter for one batch. */
export class MuteSet {
  private readonly untilById: Map<string, Date | null>;

  constructor(rows: Pick<Mute, '_id' | 'mutedUntil'>[] = []) {
    this.untilById = new Map(rows.map((row) => [row._id, row.mutedUntil]));
  }

  /** True when the recipient mutes the sender or the conversation at `at`, the message's commit time (social.md §8.3). */
  silences(reception: Reception, at: Date): boolean {
    return idsOf(reception).some((id) => {
      const mutedUntil = this.untilById.get(id);
      return mutedUntil !== undefined && isMuteInForce(mutedUntil, at);
    });
  }
}

/**
 * The mutes of the recipients of a batch in one query, and none at all when nobody has any. Read after the guards: every
 * mute write moves the recipient's `inbox-in` guard, which each send writes too, so a mute that is missing here makes
 * the commit fail.
 */
export async function loadMutes(database: Database, receptions: Reception[], guards: GuardSet): Promise<MuteSet> {
  const ids = receptions
    .filter(({ recipientId }) => (guards.inboxIn(recipientId)?.muteVersion ?? 0) > 0)
    .flatMap(idsOf);
  if (ids.length === 0) return new MuteSet();
  const rows = await database.mutes
    .find({ _id: { $in: [...new Set(ids)] } }, { projection: { mutedUntil: 1 }, ...READ })
    .toArray();
  return new MuteSet(rows);
}

function idsOf({ recipientId, senderId, conversationId }: Reception): string[] {
  const sender = muteId(recipientId, senderId);
  return conversationId === null ? [sender] : [sender, muteId(recipientId, conversationId)];
}
