import { useEffect, useState } from 'react';
import { membersText, titleOf } from '../model/names';
import { presenceLine } from '../model/presence';
import { agentPath } from '../model/route';
import { useReloadOn } from '../state/live';
import { useNowMs } from '../state/now';
import { useResource } from '../state/resource';
import { Link } from '../state/route';
import { useSession } from '../state/session';
import type { ConversationRow } from '../model/wire';
import { RowAvatar } from '../ui/avatar';
import { Icon } from '../ui/icons';

import { GroupInfo } from './group-info';

const PRESENCE_POLL_MS = 60_000;

/** Who the conversation is with. */
export function ThreadHead({ handle, row }: { handle: string; row: ConversationRow | null }) {
  const [isOpen, setOpen] = useState(false);
  const [peer] = row?.participants ?? [];
  return (
    <>
      <header className="thread-head">
        <Link href={agentPath(handle)} className="icon-button thread-back" aria-label="Back to conversations">
          <Icon name="back" />
        </Link>
        {row !== null && <RowAvatar row={row} />}
        <div className="clip">
          <h2 className="clip">{row === null ? 'Conversation' : titleOf(row)}</h2>
          {row?.type === 'direct' && peer !== undefined && <PresenceLine handle={handle} target={peer.handle} />}
          {row?.type === 'group' && (
            <button type="button" className="link muted" onClick={() => setOpen(true)}>
              {membersText(row.group_member_count)}
            </button>
          )}
        </div>
        {row?.type === 'group' && (
          <button type="button" className="icon-button end" aria-label="About this group" onClick={() => setOpen(true)}>
            <Icon name="info" />
          </button>
        )}
      </header>
      {isOpen && row !== null && <GroupInfo handle={handle} groupId={row.id} onClose={() => setOpen(false)} />}
    </>
  );
}

function PresenceLine({ handle, target }: { handle: string; target: string }) {
  const { calls } = useSession();
  const nowMs = useNowMs();
  const { data, reload } = useResource(`peer:${handle}:${target}`, () => calls.peer(handle, target));
  useReloadOn(handle, ['presence'], reload);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') reload();
    }, PRESENCE_POLL_MS);
    return () => clearInterval(timer);
  }, [reload]);
  const isActive = data?.presence.status === 'online';
  return (
    <p className={`presence ${isActive ? 'active' : ''}`}>
      {data === undefined ? `@${target}` : presenceLine(data, nowMs)}
    </p>
  );
}
