import { useEffect, useRef, useState } from 'react';
import { linkBadge, linkName, linkTerms } from '../model/links';
import { useAction } from '../state/action';
import { useReloadOn } from '../state/live';
import { useNowMs } from '../state/now';
import { useResource } from '../state/resource';
import { useSession } from '../state/session';
import { useToast } from '../state/toasts';
import type { ClaimedAgent, NewShareLink, ShareLink } from '../model/wire';
import { Confirm, Dialog } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { Problem, problemText } from '../ui/problem';
import { Pending } from '../ui/states';
import { CreateLinkForm, EditLinkForm, ShownLink } from './link-form';

/** Links by which anybody may chat with the agent. */
export function ShareLinksCard({ agent: { handle } }: { agent: ClaimedAgent }) {
  const { calls } = useSession();
  const { data, error, reload } = useResource<ShareLink[]>(`links:${handle}`, () => calls.links(handle));
  useReloadOn(handle, [], reload);
  const createButton = useFocusAfterDeletion(data?.length ?? 0);
  const [isCreating, setCreating] = useState(false);
  const [shown, setShown] = useState<NewShareLink | null>(null);
  const show = (link: NewShareLink): void => {
    setCreating(false);
    setShown(link);
    reload();
  };
  return (
    <section className="card padded" aria-labelledby="links-title">
      <header className="card-head">
        <h2 id="links-title">Share links</h2>
        <button ref={createButton} type="button" className="button small" onClick={() => setCreating(true)}>
          <Icon name="plus" size={16} /> Create a link
        </button>
      </header>
      <p className="lead">
        Whoever has a link of yours chats with @{handle} in a browser, without an account. What visitors say is under
        Talk.
      </p>
      {data === undefined ? (
        <Pending error={error} onRetry={reload} rows={2} />
      ) : data.length === 0 ? (
        <p className="muted">No links yet.</p>
      ) : (
        <ul className="link-rows" aria-label="Share links">
          {data.map((link) => (
            <LinkRow key={link.id} handle={handle} link={link} onChanged={reload} onShown={show} />
          ))}
        </ul>
      )}
      {isCreating && (
        <Dialog title="Create a link" onClose={() => setCreating(false)}>
          <CreateLinkForm handle={handle} onCreated={show} onClose={() => setCreating(false)} />
        </Dialog>
      )}
      {shown !== null && (
        <Dialog title={linkName(shown)} onClose={() => setShown(null)}>
          <ShownLink link={shown} onClose={() => setShown(null)} />
        </Dialog>
      )}
    </section>
  );
}

/** Whoever deletes a row stands on it, and would stand nowhere: the focus goes to this button. */
function useFocusAfterDeletion(count: number) {
  const button = useRef<HTMLButtonElement>(null);
  const before = useRef(count);
  useEffect(() => {
    if (count < before.current && document.activeElement === document.body) button.current?.focus();
    before.current = count;
  }, [count]);
  return button;
}

interface RowProps {
  handle: string;
  link: ShareLink;
  onChanged: () => void;
  onShown: (link: NewShareLink) => void;
}

function LinkRow({ handle, link, onChanged, onShown }: RowProps) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  const [isEditing, setEditing] = useState(false);
  const { enabled, token_prefix: prefix } = link;
  const name = linkName(link);
  const badge = linkBadge(link, useNowMs());
  const toggle = (): void =>
    run(async () => {
      await calls.changeLink(handle, link.id, { enabled: !enabled });
      toast(`${name} was ${enabled ? 'disabled' : 'enabled'}`);
      onChanged();
    });
  return (
    <li className="link-row">
      <div className="row-text">
        <p className="link-title">
          <span className="row-title clip">{name}</span>
          <span className={`badge ${badge.light}`}>{badge.text}</span>
        </p>
        <p className="row-preview">
          <code>{prefix}…</code> · {linkTerms(link)}
        </p>
        <Problem>{error === null ? null : problemText(error)}</Problem>
      </div>
      <div className="link-actions">
        <button type="button" className="button small" aria-disabled={isBusy} onClick={toggle}>
          {enabled ? 'Disable' : 'Enable'}
          <span className="unseen"> {name}</span>
        </button>
        <button type="button" className="button small" onClick={() => setEditing(true)}>
          Edit<span className="unseen"> {name}</span>
        </button>
        <NewUrl handle={handle} link={link} onShown={onShown} />
        <DeleteLink handle={handle} link={link} onDeleted={onChanged} />
      </div>
      {isEditing && (
        <Dialog title={`Edit ${name}`} onClose={() => setEditing(false)}>
          <EditLinkForm handle={handle} link={link} onSaved={onChanged} onClose={() => setEditing(false)} />
        </Dialog>
      )}
    </li>
  );
}

/** Gives the link a new token, when its URL got lost or into the wrong hands. */
function NewUrl({ handle, link, onShown }: Pick<RowProps, 'handle' | 'link' | 'onShown'>) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const [isAsking, setAsking] = useState(false);
  const name = linkName(link);
  const rotate = (): void =>
    run(async () => {
      const renewed = await calls.rotateLink(handle, link.id);
      setAsking(false);
      onShown(renewed);
    });
  return (
    <>
      <button type="button" className="button small" onClick={() => setAsking(true)}>
        New URL<span className="unseen"> for {name}</span>
      </button>
      {isAsking && (
        <Confirm
          title={`New URL for ${name}?`}
          action="New URL"
          isBusy={isBusy}
          onConfirm={rotate}
          onClose={() => setAsking(false)}
        >
          <p>The old one stops working at once, wherever you gave it. Name, terms and what was said stay.</p>
          <Problem>{error === null ? null : problemText(error)}</Problem>
        </Confirm>
      )}
    </>
  );
}

function DeleteLink({ handle, link, onDeleted }: { handle: string; link: ShareLink; onDeleted: () => void }) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  const [isAsking, setAsking] = useState(false);
  const name = linkName(link);
  const remove = (): void =>
    run(async () => {
      await calls.deleteLink(handle, link.id);
      setAsking(false);
      toast(`${name} was deleted`);
      onDeleted();
    });
  return (
    <>
      <button type="button" className="button danger-outline small" onClick={() => setAsking(true)}>
        Delete<span className="unseen"> {name}</span>
      </button>
      {isAsking && (
        <Confirm
          title={`Delete ${name}?`}
          action="Delete"
          isBusy={isBusy}
          onConfirm={remove}
          onClose={() => setAsking(false)}
        >
          <p>
            Whoever has it is refused from that moment on, and answers that are on their way are stopped. What was said
            stays under Talk. To close it for a while, disable it.
          </p>
          <Problem>{error === null ? null : problemText(error)}</Problem>
        </Confirm>
      )}
    </>
  );
}
