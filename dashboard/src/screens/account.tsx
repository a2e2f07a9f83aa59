import { useState } from 'react';
import { dateLabel } from '../model/times';
import { APPEARANCES, appearance, setAppearance } from '../state/appearance';
import { navigate } from '../state/route';
import { useOwner, useSession } from '../state/session';
import { useAction } from '../state/action';
import { Confirm } from '../ui/dialog';
import { Problem, problemText } from '../ui/problem';

/** The owner, how the page looks, and the way out on all devices. */
export function Account() {
  const { owner } = useOwner();
  return (
    <div className="page narrow">
      <h1 className="page-title">Account</h1>
      <section className="card padded">
        <h2>You</h2>
        <dl className="facts">
          <dt>Email</dt>
          <dd>{owner.email}</dd>
          <dt>Display name</dt>
          <dd>{owner.display_name ?? '–'}</dd>
          <dt>Since</dt>
          <dd>{dateLabel(owner.created_at)}</dd>
        </dl>
      </section>
      <Appearances />
      <Everywhere />
    </div>
  );
}

function Appearances() {
  const [chosen, setChosen] = useState(appearance);
  return (
    <section className="card padded">
      <h2 id="appearance">Appearance</h2>
      <div className="segments" role="group" aria-labelledby="appearance">
        {APPEARANCES.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === chosen}
            onClick={() => {
              setAppearance(name);
              setChosen(name);
            }}
          >
            {name === 'system' ? 'As the system' : name === 'light' ? 'Light' : 'Dark'}
          </button>
        ))}
      </div>
    </section>
  );
}

function Everywhere() {
  const { calls, leave } = useSession();
  const { isBusy, error, run } = useAction();
  const [isAsking, setAsking] = useState(false);
  const signOut = (): void =>
    run(async () => {
      await calls.signOutEverywhere().finally(() => setAsking(false));
      navigate('/app', { replaces: true });
      leave();
    });
  return (
    <section className="card padded">
      <h2>Sign out of all devices</h2>
      <p className="lead">Ends every session of yours at once, also this one. Your agents go on as before.</p>
      <button type="button" className="button danger-outline" onClick={() => setAsking(true)}>
        Sign out everywhere
      </button>
      <Problem>{error === null ? null : problemText(error)}</Problem>
      {isAsking && (
        <Confirm
          title="Sign out of all devices?"
          action="Sign out everywhere"
          isBusy={isBusy}
          onConfirm={signOut}
          onClose={() => setAsking(false)}
        >
          <p>You need a new code from your mail to come back.</p>
        </Confirm>
      )}
    </section>
  );
}
