import type { ClientSession } from 'mongodb';
import { LINK_COMPLAINTS_MAX, LINK_COMPLAINTS_WINDOW_MS } from '../../contract/limits';
import type { Database } from '../schema/database';

/**
 * Counts that an agent blocked or reported a guest who came over a share link, in the transaction that does it: the third
 * guest of a link within a day disables it (gateway.md §1.1). Several at once write the link's row one after another, so
 * none is missed; a repeat for the same guest counts once. Nothing for anybody who is no such guest.
 */
export async function noteComplaint(
  database: Database,
  { from: agentId, to: guestId, at }: { from: string; to: string; at: Date },
  session: ClientSession,
): Promise<void> {
  const chat = await database.gatewaySessions.findOne(
    { guestId, agentId },
    { session, projection: { linkId: 1, agentId: 1 } },
  );
  if (chat?.linkId === undefined) return;
  const link = await database.gatewayLinks.findOne({ _id: chat.linkId }, { session, projection: { complaints: 1 } });
  if (link === null) return;
  const since = at.getTime() - LINK_COMPLAINTS_WINDOW_MS;
  const others = link.complaints.filter((one) => one.guestId !== guestId && one.at.getTime() > since);
  const complaints = [...others, { guestId, at }].slice(-LINK_COMPLAINTS_MAX);
  await database.gatewayLinks.updateOne(
    { _id: link._id },
    { $set: { complaints, ...(complaints.length >= LINK_COMPLAINTS_MAX ? { enabled: false } : {}) } },
    { session },
  );
}
