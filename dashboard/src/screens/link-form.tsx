import {
  LINK_NAME_LENGTH_MAX,
  LINK_WELCOME_LENGTH_MAX,
  linkChange,
  linkDraft,
  linkProblems,
  linkUsage,
  type LinkChange,
  type LinkDraft,
} from '../model/links';
import { useAction } from '../state/action';
import { useDraft, type Draft } from '../state/draft';
import { useNowMs } from '../state/now';
import { useResource } from '../state/resource';
import { useSession } from '../state/session';
import type { NewShareLink, ShareLink, UsedShareLink } from '../model/wire';
import { Field } from '../ui/field';
import { Problem, problemText } from '../ui/problem';
import { Secret } from '../ui/secret';

interface CreateProps {
  handle: string;
  onCreated: (link: NewShareLink) => void;
  onClose: () => void;
}

/** The terms of a new link. */
export function CreateLinkForm({ handle, onCreated, onClose }: CreateProps) {
  const { calls } = useSession();
  return (
    <LinkForm
      link={null}
      action="Create"
      send={async (terms) => onCreated(await calls.createLink(handle, terms))}
      onClose={onClose}
    />
  );
}

interface EditProps {
  handle: string;
  link: ShareLink;
  onSaved: () => void;
  onClose: () => void;
}

/** How a link was used, and other terms for it. */
export function EditLinkForm({ handle, link, onSaved, onClose }: EditProps) {
  const { calls } = useSession();
  const save = async (change: LinkChange): Promise<void> => {
    if (Object.keys(change).length > 0) {
      await calls.changeLink(handle, link.id, change);
      onSaved();
    }
    onClose();
  };
  return (
    <>
      <Usage handle={handle} id={link.id} />
      <LinkForm link={link} action="Save" send={save} onClose={onClose} />
    </>
  );
}

function Usage({ handle, id }: { handle: string; id: string }) {
  const { calls } = useSession();
  const { data, error } = useResource<UsedShareLink>(`link:${id}`, () => calls.link(handle, id));
  const nowMs = useNowMs();
  const text = data === undefined ? 'Reading how it was used…' : linkUsage(data, nowMs);
  return <p className="link-usage">{data === undefined && error !== null ? problemText(error) : text}</p>;
}

interface FormProps {
  /** Null: one that is to be made. */
  link: ShareLink | null;
  action: string;
  send: (change: LinkChange) => Promise<void>;
  onClose: () => void;
}

function LinkForm({ link, action, send, onClose }: FormProps) {
  const { isBusy, error, run } = useAction();
  const before = linkDraft(link);
  const typed = useDraft(before, (draft) => linkProblems(draft, before, Date.now()));
  return (
    <form
      ref={typed.form}
      className="form"
      onSubmit={typed.submit(() => run(() => send(linkChange(typed.draft, before))))}
    >
      <LinkFields {...typed} />
      <Problem>{error === null ? null : problemText(error)}</Problem>
      <footer className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" aria-disabled={isBusy}>
          {isBusy ? 'One moment…' : action}
        </button>
      </footer>
    </form>
  );
}

function LinkFields(typed: Draft<LinkDraft>) {
  const { draft, set } = typed;
  return (
    <>
      <Field label="Name" hint="For you: visitors do not see it.">
        {(props) => (
          <input
            {...props}
            type="text"
            autoComplete="off"
            maxLength={LINK_NAME_LENGTH_MAX}
            placeholder="Where you put it, like “shop page”"
            value={draft.name}
            onChange={(event) => set('name', event.target.value)}
          />
        )}
      </Field>
      <Field label="Welcome" hint="Stands above every new chat.">
        {(props) => (
          <textarea
            {...props}
            rows={2}
            maxLength={LINK_WELCOME_LENGTH_MAX}
            value={draft.welcome}
            onChange={(event) => set('welcome', event.target.value)}
          />
        )}
      </Field>
      <LimitFields {...typed} />
    </>
  );
}

/** What ends a link, and whom it lets in. */
function LimitFields({ draft, set, problems }: Draft<LinkDraft>) {
  return (
    <>
      <Field label="Ends" hint="Empty: it does not end." problem={problems.endsAt}>
        {(props) => (
          <input
            {...props}
            type="datetime-local"
            value={draft.endsAt}
            onChange={(event) => set('endsAt', event.target.value)}
          />
        )}
      </Field>
      <Field label="Messages at most" hint="Of all visitors together. Empty: any number." problem={problems.messages}>
        {(props) => (
          <input
            {...props}
            type="text"
            inputMode="numeric"
            autoComplete="off"
            value={draft.messages}
            onChange={(event) => set('messages', event.target.value)}
          />
        )}
      </Field>
      <label className="check">
        <input
          type="checkbox"
          checked={draft.asksForMail}
          onChange={(event) => set('asksForMail', event.target.checked)}
        />
        <span>Visitors prove a mail address first</span>
      </label>
    </>
  );
}

/** The URL, this once. */
export function ShownLink({ link, onClose }: { link: NewShareLink; onClose: () => void }) {
  return (
    <div className="form">
      <p className="lead">Copy it now: it is not shown again. If it gets lost, give the link a new URL.</p>
      <Secret label="URL" value={link.url} />
      <footer className="dialog-actions">
        <a className="button" href={link.url} target="_blank" rel="noreferrer">
          Open it<span className="unseen"> in a new tab</span>
        </a>
        <button type="button" className="button primary" onClick={onClose}>
          Done
        </button>
      </footer>
    </div>
  );
}
