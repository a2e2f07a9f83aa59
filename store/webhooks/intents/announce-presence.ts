import { createHash } from 'node:crypto';
import { ID_PREFIX } from '../../../contract/ids';
import { inboxInId, takesIntents, type InboxInGuard } from '../../../domain/guards';
import type { Presence } from '../../../domain/presence';
import { contactBookOwners, withoutBlocked } from '../../presence/audience';
import { makeOrFind } from '../../schema/conflicts';
import type { Database } from '../../schema/database';
import { READ } from '../../schema/reads';
import { within } from '../../schema/deadline';
import { intentFor } from '../../outbox/intent';

/** Whoever caused the news does not wait for it longer. */
const WRITE_MS_MAX = 10_000;

/** A presence that others are shown from now on; `version` grows with every change of the subject's presence. */
export interface PresenceNews {
  subject: { _id: string; handle: string };
  presence: Pick<Presence, 'status' | 'customMessage'>;
  version: number;
  at: Date;
}

/**
 * Records `presence.update` for the webhooks of whoever has the subject in its book, without a block in either direction
 * (webhooks.md §5). Reads only, a page of book owners at a time, where no such webhook is.
 *
 * One row per watcher and subject: what was not expanded yet gives way to the newer presence, so a subject that flaps
 * costs each watcher one row (webhooks.md §11.7). Two at once leave the newer one. A crash in the middle leaves some
 * watchers untold, as it does with frames: the next change tells them.
 */
export async function announcePresence(database: Database, news: PresenceNews): Promise<void> {
  for await (const owners of contactBookOwners(database, news.subject._id)) {
    const watching = await database.webhooks
      .find(
        { agentId: { $in: owners }, active: true, events: 'presence.update' },
        { projection: { agentId: 1 }, ...READ },
      )
      .toArray();
    if (watching.length === 0) continue;
    const agentIds = [...new Set(watching.map(({ agentId }) => agentId))];
    const inboxes = await database.guards
      .find<InboxInGuard>(
        { _id: { $in: agentIds.map(inboxInId) } },
        { projection: { salt: 0, writtenOff: 0 }, ...READ },
      )
      .toArray();
    const intents = inboxes.filter(takesIntents).map((inbox) => intentFor(inbox, news.at));
    const shown = new Set(
      await withoutBlocked(
        database,
        news.subject._id,
        intents.map(({ targetId }) => targetId),
      ),
    );
    await writeNewest(
      database,
      news,
      intents.filter(({ targetId }) => shown.has(targetId)),
    );
  }
}

async function writeNewest(
  database: Database,
  { subject, presence: { status, customMessage }, version, at }: PresenceNews,
  intents: ReturnType<typeof intentFor>[],
): Promise<void> {
  if (intents.length === 0) return;
  const told = { kind: 'presence.update' as const, subjectId: subject._id, handle: subject.handle };
  const writes = intents.map(({ targetId, webhookVersion, position, createdAt }) => {
    // Literally, or what an agent says of itself could be read as an expression.
    const news = { $literal: { ...told, targetId, webhookVersion, status, customMessage, version, at } };
    const first = { position: orElse('$position', position), createdAt: orElse('$createdAt', createdAt) };
    const newer = { $mergeObjects: ['$$ROOT', news, first] };
    return {
      updateOne: {
        // By nothing but the id: of two that make the row at once, the second then changes the first one's.
        filter: { _id: rowId(targetId, subject._id) },
        update: [{ $replaceWith: { $cond: [{ $gte: [orElse('$version', -1), version] }, '$$ROOT', newer] } }],
        upsert: true,
      },
    };
  });
  await makeOrFind(() => within(WRITE_MS_MAX, database.outbox.bulkWrite(writes, { ordered: false })));
}

const orElse = (field: string, value: unknown) => ({ $ifNull: [field, { $literal: value }] });

function rowId(targetId: string, subjectId: string): string {
  const digest = createHash('sha256').update(`presence|${targetId}|${subjectId}`).digest('hex');
  return ID_PREFIX.outboxRow + digest.slice(0, 32);
}
