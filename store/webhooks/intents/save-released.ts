import type { Collection } from 'mongodb';
import type { InboxInGuard } from '../../../domain/guards';
import type { Delivery } from '../../schema/collections/deliveries';
import { withTransaction, type Database } from '../../schema/database';
import { insertNew } from './save-deliveries';

/** What a step of a release wrote. */
export interface SavedRelease {
  /** Those that were new. */
  deliveries: Delivery[];
  /** False when webhooks were told of everything. True also of a step that was not the next: look anew. */
  isMore: boolean;
}

/**
 * Moves a release on by one page: where it stands and the deliveries are one commit. The inbox's guard is written first
 * and only where `seen` still holds: not by a second worker with the same page, and not after a silence began again. The
 * last page takes the mark away unless a message came meanwhile, which writes the same guard: so a message is either in
 * the release's last page or makes an intent of its own, never both and never neither.
 *
 * Dies before the commit: the next run does this page again. After it: the rows are there, the sweep of first attempts
 * finds them. The ids are functions of message and webhook, so not even a page that is told twice makes a second delivery.
 */
export function saveReleased(
  database: Database,
  seen: InboxInGuard,
  { upTo, deliveries }: { upTo: number; deliveries: Delivery[] },
): Promise<SavedRelease> {
  return withTransaction(database, async (session) => {
    const isLast = { $lte: ['$nextPosition', upTo + 1] };
    const left = (name: string, value: unknown) => ({ [name]: { $cond: [isLast, '$$REMOVE', value] } });
    const after = await inboxes(database).findOneAndUpdate(
      {
        _id: seen._id,
        silentFrom: seen.silentFrom,
        'releasing.at': seen.releasing?.at,
        // `isSilenced` in the words of a filter.
        status: { $nin: ['suspended', 'deleted'] },
        pausedByOwner: { $ne: 'full' },
      },
      [{ $set: { ...left('silentFrom', upTo + 1), ...left('releasing', '$releasing'), v: { $add: ['$v', 1] } } }],
      { returnDocument: 'after', session },
    );
    if (after === null) return { deliveries: [], isMore: true };
    return { deliveries: await insertNew(database, deliveries, session), isMore: after.releasing !== undefined };
  });
}

/** A guard's kind stands in its _id: this is the parse point of the union. */
const inboxes = (database: Database): Collection<InboxInGuard> =>
  database.guards as unknown as Collection<InboxInGuard>;
