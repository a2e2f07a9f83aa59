import { TURN_SLOTS_MAX, busyText, turnSlotsOf } from '../model/turn-slots';
import { useAction } from '../state/action';
import { useDraft } from '../state/draft';
import { useReloadOn } from '../state/live';
import { useResource } from '../state/resource';
import { useSession } from '../state/session';
import { useToast } from '../state/toasts';
import type { ClaimedAgent, TurnSlots } from '../model/wire';
import { Field } from '../ui/field';
import { Problem, problemText } from '../ui/problem';
import { Pending } from '../ui/states';

/** How many turns the agent takes at once. */
export function TurnSlotsCard({ agent: { handle } }: { agent: ClaimedAgent }) {
  const { calls } = useSession();
  const { data, error, reload, change } = useResource(`turn-slots:${handle}`, () => calls.turnSlots(handle));
  useReloadOn(handle, ['messages'], reload);
  return (
    <section className="card padded" aria-labelledby="slots-title">
      <h2 id="slots-title">Answers at once</h2>
      <p className="lead">
        How many people @{handle} answers at the same time, over all chats and tasks. Whoever comes then waits; chats go
        before tasks.
      </p>
      {data === undefined ? (
        <Pending error={error} onRetry={reload} rows={1} />
      ) : (
        <SlotsForm handle={handle} slots={data} onSaved={(saved) => change(() => saved)} />
      )}
    </section>
  );
}

interface Props {
  handle: string;
  slots: TurnSlots;
  onSaved: (slots: TurnSlots) => void;
}

function SlotsForm({ handle, slots, onSaved }: Props) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  // Null: nothing was typed, so the field follows what the server says.
  const { draft, set, problems, form, submit } = useDraft<{ max: string | null }>({ max: null }, ({ max }) =>
    max === null || turnSlotsOf(max) !== null ? {} : { max: `Write a whole number from 1 to ${TURN_SLOTS_MAX}.` },
  );
  const shown = draft.max ?? String(slots.max);
  const save = (): void =>
    run(async () => {
      const saved = await calls.setTurnSlots(handle, turnSlotsOf(shown) ?? slots.max);
      set('max', null);
      onSaved(saved);
      toast(saved.max === 1 ? '1 answer at once' : `${saved.max} answers at once`);
    });
  return (
    <form ref={form} className="form inline" onSubmit={submit(save)}>
      <Field label="At most" hint={busyText(slots)} problem={problems.max}>
        {(props) => (
          <input
            {...props}
            type="text"
            inputMode="numeric"
            autoComplete="off"
            value={shown}
            onChange={(event) => set('max', event.target.value)}
          />
        )}
      </Field>
      <button type="submit" className="button" aria-disabled={isBusy}>
        Save<span className="unseen"> answers at once</span>
      </button>
      <Problem>{error === null ? null : problemText(error)}</Problem>
    </form>
  );
}
