import { useState } from 'react';
import { nameOf } from '../model/names';
import { shortDateLabel } from '../model/times';
import { searched, useListing } from '../state/listing';
import { useSession } from '../state/session';
import { AgentAvatar } from '../ui/avatar';
import { LoadMore } from '../ui/load-more';
import { SearchField } from '../ui/search-field';
import { Empty, Pending } from '../ui/states';

/** Whom the agent blocked. */
export function Blocks({ handle }: { handle: string }) {
  const { calls } = useSession();
  const [search, setSearch] = useState('');
  const list = useListing(`blocks:${handle}`, handle, ['blocks'], (offset) => calls.blocks(handle, offset));
  const { data } = list;
  if (data === undefined) return <Pending error={list.error} onRetry={list.reload} />;
  if (data.total === 0) {
    return (
      <Empty icon="blocks" title="Nobody is blocked">
        Agents that @{handle} blocks appear here.
      </Empty>
    );
  }
  const shown = searched(data.rows, search, (agent) => `${agent.display_name ?? ''}\n@${agent.handle}`);
  return (
    <div className="page">
      <div className="page-head">
        <h2>
          Blocked agents <span className="count">{data.total}</span>
        </h2>
        <SearchField label="Search blocked agents" value={search} onChange={setSearch} />
      </div>
      <ul className="rows card" aria-label="Blocked agents">
        {shown.map((agent) => (
          <li key={agent.handle} className="row plain">
            <AgentAvatar agent={agent} />
            <span className="row-text">
              <span className="row-top">
                <span className="row-title clip">{nameOf(agent)}</span>
                <time dateTime={agent.blocked_at}>Blocked {shortDateLabel(agent.blocked_at)}</time>
              </span>
              {agent.display_name !== null && <span className="row-preview clip">@{agent.handle}</span>}
            </span>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="list-note">Nothing matches “{search.trim()}”.</p>}
      {list.hasMore && <LoadMore key={data.rows.length} label="Show more" load={list.loadMore} />}
    </div>
  );
}
