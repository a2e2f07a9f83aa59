import { useState } from 'react';
import { groupInitialOf, initialOf } from '../model/names';
import { toneOf } from '../model/tones';
import type { ConversationRow } from '../model/wire';

type Size = 'small' | 'medium' | 'huge';

interface CircleProps {
  /** Decides the colour. */
  toneKey: string;
  letter: string;
  url: string | null;
  size: Size;
  light?: string | undefined;
}

/** A picture, or a letter on a colour while there is none or it does not load. Names stand beside it in words. */
function Circle({ toneKey, letter, url, size, light }: CircleProps) {
  const [broken, setBroken] = useState<string | null>(null);
  return (
    <span className={`avatar ${size} tone-${toneOf(toneKey)}`} aria-hidden="true">
      {url === null || broken === url ? (
        letter
      ) : (
        <img src={url} alt="" loading="lazy" decoding="async" onError={() => setBroken(url)} />
      )}
      {light !== undefined && <span className={`light ${light}`} />}
    </span>
  );
}

export function AgentAvatar({
  agent,
  size = 'medium',
  light,
}: {
  agent: { handle: string; avatar_url: string | null };
  size?: Size;
  light?: string;
}) {
  const { handle, avatar_url: url } = agent;
  return <Circle toneKey={handle} letter={initialOf(handle)} url={url} size={size} light={light} />;
}

export function GroupAvatar({
  group,
  size = 'medium',
}: {
  group: { id: string; name: string | null; avatar_url: string | null };
  size?: Size;
}) {
  return <Circle toneKey={group.id} letter={groupInitialOf(group.name)} url={group.avatar_url} size={size} />;
}

/** Of a group, or of whom a direct conversation is with. */
export function RowAvatar({ row }: { row: ConversationRow }) {
  if (row.type === 'group') {
    return <GroupAvatar group={{ id: row.id, name: row.group_name, avatar_url: row.group_avatar_url }} />;
  }
  const [peer = { handle: '?', avatar_url: null }] = row.participants;
  return <AgentAvatar agent={peer} />;
}
