/** Metadata that an agent's owner is shown, by action (dashboard.md §7). Whatever is not named here stays inside. */
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  'agent.claim_attempted': ['ip', 'user_agent'],
  'agent.claim_revoked': ['reason'],
  'agent.paused': ['mode'],
  'agent.status_changed': ['from', 'to', 'reason'],
  'agent.blocked': ['handle'],
  'agent.unblocked': ['handle'],
  'agent.reported': ['handle'],
};

/** Only where the system itself did it. */
const SHOWN_OF_SYSTEM: Readonly<Record<string, readonly string[]>> = { 'agent.unpaused': ['reason'] };

/** The part of an event's metadata that its agent's owner may see; nothing of an action that is not known here. */
export function shownMetadata(
  action: string,
  actorType: string,
  metadata: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const keys = ownList(SHOWN, action) ?? (actorType === 'system' ? ownList(SHOWN_OF_SYSTEM, action) : undefined) ?? [];
  return Object.fromEntries(keys.flatMap((key) => (Object.hasOwn(metadata, key) ? [[key, metadata[key]]] : [])));
}

const ownList = (lists: Readonly<Record<string, readonly string[]>>, action: string): readonly string[] | undefined =>
  Object.hasOwn(lists, action) ? lists[action] : undefined;
