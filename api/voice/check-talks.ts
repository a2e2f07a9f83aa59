import type { Clock } from '../../platform/clock';
import { findFacts } from '../../store/agents/agent-facts';
import { findValidKeys } from '../../store/gateway/keys';
import { findSignedInSessions } from '../../store/owners/sessions';
import type { Database } from '../../store/schema/database';
import type { Talk } from './talk';

/**
 * Ends what may not go on: a caller's talk with its session or key, an agent's socket with the key that it came with. Both
 * were checked when they came in; this is for what changed since.
 */
export async function checkTalks(
  { database, clock }: { database: Database; clock: Clock },
  talks: Talk[],
): Promise<void> {
  if (talks.length === 0) return;
  const facts = await findFacts(database, [...new Set(talks.map(({ voice }) => voice.agentId))]);
  for (const talk of talks) {
    const { speaking, voice } = talk;
    const now = facts.get(voice.agentId);
    if (now === undefined || now.status === 'deleted' || now.status === 'suspended') void talk.end('agent_left');
    else if (speaking !== null && now.keyVersion !== speaking.keyVersion) talk.dismissAgent('API key rotated');
  }
  await endSignedOut(database, clock.now(), talks);
}

/** One query for all sessions and one for all keys, however many talks there are. */
async function endSignedOut(database: Database, now: Date, talks: Talk[]): Promise<void> {
  const finders = {
    session: (ids: string[]) => findSignedInSessions(database, ids, now),
    key: (ids: string[]) => findValidKeys(database, ids),
  };
  for (const kind of ['session', 'key'] as const) {
    const started = talks.filter(({ voice }) => voice.startedWith.kind === kind);
    if (started.length === 0) continue;
    const valid = await finders[kind]([...new Set(started.map(({ voice }) => voice.startedWith.id))]);
    for (const talk of started) if (!valid.has(talk.voice.startedWith.id)) void talk.end('stopped');
  }
}
