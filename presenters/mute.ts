import type { MuteView } from '../contract/mutes';
import type { Mute } from '../store/schema/collections/relations';

/** A mute as its owner sees it; `handle` is that of a muted agent. */
export function presentMute(mute: Mute, handle: string | null): MuteView {
  return {
    muter_agent_id: mute.muterId,
    target_kind: mute.kind,
    target_id: mute.targetId,
    target_handle: handle,
    muted_until: mute.mutedUntil?.toISOString() ?? null,
    created_at: mute.createdAt.toISOString(),
  };
}
