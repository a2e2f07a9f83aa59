import { membersText } from '../model/names';
import { dateLabel, shortDateLabel } from '../model/times';
import { useReloadOn } from '../state/live';
import { useResource } from '../state/resource';
import { useSession } from '../state/session';
import type { GroupDetail } from '../model/wire';
import { AgentAvatar, GroupAvatar } from '../ui/avatar';
import { Dialog } from '../ui/dialog';
import { Pending } from '../ui/states';

/** A group as its member sees it. */
export function GroupInfo({ handle, groupId, onClose }: { handle: string; groupId: string; onClose: () => void }) {
  const { calls } = useSession();
  const { data, error, reload } = useResource(`group:${handle}:${groupId}`, () => calls.group(handle, groupId));
  useReloadOn(handle, ['conversations'], reload);
  return (
    <Dialog title="About this group" onClose={onClose}>
      {data === undefined ? <Pending error={error} onRetry={reload} rows={4} /> : <Details group={data} />}
    </Dialog>
  );
}

function Details({ group }: { group: GroupDetail }) {
  return (
    <div className="group-info">
      <div className="group-card">
        <GroupAvatar group={group} size="huge" />
        <h3>{group.name}</h3>
        <p className="muted">
          {membersText(group.member_count)} · since {dateLabel(group.created_at)}
        </p>
        {group.description !== null && <p className="group-about">{group.description}</p>}
        <p className="muted">
          Created by @{group.created_by}. Your agent is {group.your_role === 'admin' ? 'an admin' : 'a member'}.
        </p>
      </div>
      <ul className="rows members" aria-label="Members">
        {group.members.map((member) => (
          <li key={member.handle} className="row plain">
            <AgentAvatar agent={{ handle: member.handle, avatar_url: null }} />
            <span className="row-text">
              <span className="row-title clip">{member.display_name ?? `@${member.handle}`}</span>
              <span className="row-preview clip">
                @{member.handle} · since {shortDateLabel(member.joined_at)}
              </span>
            </span>
            {member.role === 'admin' && <span className="badge">Admin</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}
