import {
  DESCRIPTION_LENGTH_MAX,
  OTHER_TOKEN,
  PAID_TIMEOUT_S,
  paymentSettings,
  priceDraft,
  priceProblems,
  TOKEN_TEXT_LENGTH_MAX,
  TOKENS,
  type PriceDraft,
} from '../model/price';
import { useAction } from '../state/action';
import { useDraft, type Draft } from '../state/draft';
import { useSession } from '../state/session';
import { useToast } from '../state/toasts';
import type { PaymentSettings } from '../model/wire';
import { Field } from '../ui/field';
import { Problem, problemText } from '../ui/problem';

interface Props {
  handle: string;
  settings: PaymentSettings;
  onSaved: (settings: PaymentSettings) => void;
  onClose: () => void;
}

/** What an answer costs and who gets it; what is saved is on. */
export function PriceForm({ handle, settings, onSaved, onClose }: Props) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const toast = useToast();
  const typed = useDraft(priceDraft(settings), priceProblems);
  const save = (): void =>
    run(async () => {
      onSaved(await calls.setPayments(handle, paymentSettings(typed.draft)));
      toast('The price is in force');
      onClose();
    });
  return (
    <form ref={typed.form} className="form" onSubmit={typed.submit(save)}>
      <PriceFields {...typed} />
      <Problem>{error === null ? null : problemText(error)}</Problem>
      <footer className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button primary" aria-disabled={isBusy}>
          {isBusy ? 'One moment…' : settings.enabled ? 'Save' : 'Save and switch on'}
        </button>
      </footer>
    </form>
  );
}

function PriceFields(typed: Draft<PriceDraft>) {
  const { draft, set, problems } = typed;
  return (
    <>
      <TextField {...typed} field="amount" label="An answer costs" hint="In whole tokens, like 0.05." mode="decimal" />
      <Field label="Token" problem={problems.token}>
        {(props) => (
          <select {...props} value={draft.token} onChange={(event) => set('token', event.target.value)}>
            {TOKENS.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
            <option value={OTHER_TOKEN}>Another token</option>
          </select>
        )}
      </Field>
      {draft.token === OTHER_TOKEN && <TokenFields {...typed} />}
      <TextField
        {...typed}
        field="payTo"
        label="Paid to"
        hint="The address of your account. What is paid to a wrong one is gone."
        placeholder="0x…"
      />
      <TextField
        {...typed}
        field="description"
        label="Description"
        hint="What payers are told that they pay for. May be empty."
        max={DESCRIPTION_LENGTH_MAX}
      />
      <TextField
        {...typed}
        field="timeoutS"
        label="Seconds for an answer"
        hint={`${PAID_TIMEOUT_S.min} to ${PAID_TIMEOUT_S.max}. Later answers cost nothing.`}
        mode="numeric"
      />
    </>
  );
}

/** All that a payer's signature names. */
function TokenFields(typed: Draft<PriceDraft>) {
  return (
    <>
      <TextField {...typed} field="network" label="Network" placeholder="eip155:8453" />
      <TextField {...typed} field="asset" label="Address of the token" placeholder="0x…" />
      <TextField {...typed} field="name" label="Name in signatures" max={TOKEN_TEXT_LENGTH_MAX} />
      <TextField {...typed} field="version" label="Version in signatures" max={TOKEN_TEXT_LENGTH_MAX} />
      <TextField {...typed} field="decimals" label="Decimals" mode="numeric" />
    </>
  );
}

interface TextFieldProps extends Draft<PriceDraft> {
  field: keyof PriceDraft;
  label: string;
  hint?: string;
  placeholder?: string;
  mode?: 'text' | 'numeric' | 'decimal';
  max?: number;
}

function TextField({ draft, set, problems, field, label, hint, placeholder, mode, max }: TextFieldProps) {
  return (
    <Field label={label} hint={hint} problem={problems[field]}>
      {(props) => (
        <input
          {...props}
          type="text"
          inputMode={mode}
          autoComplete="off"
          spellCheck={false}
          maxLength={max}
          placeholder={placeholder}
          value={draft[field]}
          onChange={(event) => set(field, event.target.value)}
        />
      )}
    </Field>
  );
}
