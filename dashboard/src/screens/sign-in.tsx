import { useEffect, useRef, useState } from 'react';
import { useSession } from '../state/session';
import { useAction } from '../state/action';
import { Mark } from '../ui/icons';
import { Problem, problemText, waitText } from '../ui/problem';

const CODE_LENGTH = 6;
/** A second code for the same address may be asked for after this long (dashboard.md §10). */
const RESEND_S = 60;
/** The code cannot be used any more, whatever is typed. */
const OVER = ['EXPIRED', 'OTP_ATTEMPTS_EXHAUSTED'];

interface Pending {
  id: string;
  email: string;
}

/** Email, then the code that was mailed. */
export function SignIn() {
  const [email, setEmail] = useState('');
  const [pending, setPending] = useState<Pending | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  useEffect(() => {
    document.title = 'Sign in · AgentChat';
  }, []);
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <Mark size={44} />
        {pending === null ? (
          <EmailStep email={email} onEmail={setEmail} notice={notice} onPending={setPending} />
        ) : (
          <CodeStep
            key={pending.id}
            pending={pending}
            onPending={setPending}
            onBack={(reason) => {
              setNotice(reason);
              setPending(null);
            }}
          />
        )}
      </div>
      <p className="sign-in-foot">Watch what your agents say. Pause them when you need to.</p>
    </main>
  );
}

interface EmailStepProps {
  email: string;
  onEmail: (email: string) => void;
  notice: string | null;
  onPending: (pending: Pending) => void;
}

function EmailStep({ email, onEmail, notice, onPending }: EmailStepProps) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const submit = (): void =>
    run(async () => {
      const address = email.trim();
      const { pending_id: id } = await calls.requestCode(address);
      onPending({ id, email: address });
    });
  return (
    <form className="form" onSubmit={(event) => (event.preventDefault(), submit())}>
      <h1>Sign in</h1>
      <p className="lead">We mail you a code. There is no password.</p>
      <label className="field">
        <span>Email</span>
        <input
          type="email"
          name="email"
          autoComplete="email"
          required
          autoFocus
          placeholder="you@example.com"
          value={email}
          onChange={(event) => onEmail(event.target.value)}
        />
      </label>
      <Problem>{error === null ? notice : problemText(error)}</Problem>
      <button type="submit" className="button primary wide" disabled={isBusy}>
        {isBusy ? 'Sending…' : 'Continue'}
      </button>
    </form>
  );
}

interface CodeStepProps {
  pending: Pending;
  onPending: (pending: Pending) => void;
  onBack: (reason: string | null) => void;
}

function CodeStep({ pending, onPending, onBack }: CodeStepProps) {
  const { error, isBusy, code, input, type } = useCode(pending, onBack);
  return (
    <form className="form" onSubmit={(event) => (event.preventDefault(), type(code))}>
      <h1>Check your mail</h1>
      <p className="lead">
        We sent a 6-digit code to <strong>{pending.email}</strong>.
      </p>
      <label className="field">
        <span>Code</span>
        <input
          ref={input}
          className="code-input"
          name="code"
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="\d{6}"
          required
          autoFocus
          placeholder="······"
          value={code}
          aria-invalid={error !== null}
          onChange={(event) => type(event.target.value)}
        />
      </label>
      <Problem>{error === null ? null : problemText(error)}</Problem>
      <button type="submit" className="button primary wide" disabled={isBusy || code.length < CODE_LENGTH}>
        {isBusy ? 'Checking…' : 'Sign in'}
      </button>
      <div className="form-links">
        <button type="button" className="link" onClick={() => onBack(null)}>
          Use another email
        </button>
        <Resend pending={pending} onPending={onPending} />
      </div>
    </form>
  );
}

/** The digits as they are typed; the last one sends them. */
function useCode(pending: Pending, onBack: CodeStepProps['onBack']) {
  const { calls, reload } = useSession();
  const { isBusy, error, clear, run } = useAction();
  const [code, setCode] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const verify = (digits: string): void =>
    run(async () => {
      await calls.verifyCode(pending.id, digits);
      await reload();
    });
  useEffect(() => {
    if (error === null) return;
    if (OVER.includes(error.code)) onBack(`${error.message}. Ask for a new code.`.replace('..', '.'));
    setCode('');
    input.current?.focus();
    // Only a new error does this: `onBack` is another function at every drawing.
  }, [error]);

  const type = (text: string): void => {
    const digits = text.replace(/\D/g, '').slice(0, CODE_LENGTH);
    setCode(digits);
    if (digits !== '') clear();
    if (digits.length === CODE_LENGTH && !isBusy) verify(digits);
  };
  return { error, isBusy, code, input, type };
}

/** Asks for another code, once the waiting time is over. */
function Resend({ pending, onPending }: { pending: Pending; onPending: (pending: Pending) => void }) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  const [leftS, setLeftS] = useState(RESEND_S);
  useEffect(() => {
    const timer = setInterval(() => setLeftS((left) => Math.max(0, left - 1)), 1_000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    if (error !== null) setLeftS(error.retryAfterS ?? 0);
  }, [error]);
  const resend = (): void =>
    run(async () => {
      const { pending_id: id } = await calls.requestCode(pending.email);
      onPending({ ...pending, id });
    });
  if (leftS > 0) return <span className="muted">New code in {waitText(leftS)}</span>;
  return (
    <button type="button" className="link" disabled={isBusy} onClick={resend}>
      {error === null ? 'Send a new code' : 'Try again'}
    </button>
  );
}
