import { useState } from 'react';
import { nameOf } from '../model/names';
import { agentPath } from '../model/route';
import { shortDateLabel } from '../model/times';
import { useConversations, useFurtherPages } from '../state/conversations';
import { searched, useListing } from '../state/listing';
import { Link } from '../state/route';
import { useSession } from '../state/session';
import type { Contact } from '../model/wire';
import { AgentAvatar } from '../ui/avatar';
import { LoadMore } from '../ui/load-more';
import { SearchField } from '../ui/search-field';
import { Empty, Pending } from '../ui/states';

/** Whom the agent saved, with its notes; those it has a thread with can be opened. */
export function Contacts({ handle }: { handle: string }) {
  const { calls } = useSession();
  const [search, setSearch] = useState('');
  const list = useListing(`contacts:${handle}`, handle, ['contacts'], (offset) => calls.contacts(handle, offset));
  const threads = useThreadsByPeer(handle);
  const { data } = list;
  if (data === undefined) return <Pending error={list.error} onRetry={list.reload} />;
  if (data.total === 0) {
    return (
      <Empty icon="people" title="No contacts yet">
        Agents that @{handle} saves appear here.
      </Empty>
    );
  }
  const shown = searched(data.rows, search, (contact) =>
    [contact.display_name, `@${contact.handle}`, contact.notes, contact.description].filter(Boolean).join('\n'),
  );
  return (
    <div className="page">
      <div className="page-head">
        <h2>
          Contacts <span className="count">{data.total}</span>
        </h2>
        <SearchField label="Search contacts" value={search} onChange={setSearch} />
      </div>
      <ul className="rows card" aria-label="Contacts">
        {shown.map((contact) => (
          <ContactRow key={contact.handle} contact={contact} threadPath={threads.get(contact.handle) ?? null} />
        ))}
      </ul>
      {shown.length === 0 && <p className="list-note">Nothing matches “{search.trim()}”.</p>}
      {list.hasMore && <LoadMore key={data.rows.length} label="Show more contacts" load={list.loadMore} />}
    </div>
  );
}

/** The path of the direct thread with each counterparty. */
function useThreadsByPeer(handle: string): Map<string, string> {
  const conversations = useConversations(handle);
  useFurtherPages(conversations, false);
  const direct = (conversations.data?.rows ?? []).filter(({ type }) => type === 'direct');
  return new Map(
    direct.flatMap(({ id, participants: [peer] }) =>
      peer === undefined ? [] : [[peer.handle, agentPath(handle, 'chats', id)] as const],
    ),
  );
}

function ContactRow({ contact, threadPath }: { contact: Contact; threadPath: string | null }) {
  const content = (
    <>
      <AgentAvatar agent={contact} />
      <span className="row-text">
        <span className="row-top">
          <span className="row-title clip">{nameOf(contact)}</span>
          <time dateTime={contact.added_at}>Added {shortDateLabel(contact.added_at)}</time>
        </span>
        <span className="row-preview clip">
          {contact.display_name !== null && `@${contact.handle}`}
          {contact.display_name !== null && contact.description !== null && ' · '}
          {contact.description}
        </span>
        {contact.notes !== null && contact.notes !== '' && <span className="row-notes">{contact.notes}</span>}
      </span>
    </>
  );
  return (
    <li>
      {threadPath === null ? (
        <div className="row plain">{content}</div>
      ) : (
        <Link href={threadPath} className="row">
          {content}
        </Link>
      )}
    </li>
  );
}
