import type { ClientSession } from 'mongodb';
import type { Database } from '../schema/database';

/** Counts a line of a talk as part of the commit that settles its message: each once, whoever settles it. */
export async function countLine(
  database: Database,
  { voiceId, sessionId, seq }: { voiceId: string; sessionId: string; seq: number },
  transaction: ClientSession,
): Promise<void> {
  await database.gatewayVoices.updateOne(
    { _id: voiceId, sessionId },
    { $inc: { messagesSaved: 1 }, $min: { firstSeq: seq }, $max: { lastSeq: seq } },
    { session: transaction },
  );
}
