import { useEffect, useRef, useState, type FormEvent, type RefObject } from 'react';

/** What is typed into a form, and what is wrong with it once somebody wants to send it. */
export interface Draft<D> {
  draft: D;
  set: <K extends keyof D>(field: K, value: D[K]) => void;
  problems: Partial<Record<keyof D, string>>;
  form: RefObject<HTMLFormElement | null>;
  /** For the form's `onSubmit`: does `send` when nothing is wrong, else goes to the first field that is. */
  submit: (send: () => void) => (event: FormEvent) => void;
}

/** @param check what is wrong with each field; it is asked with every change once the form was to be sent */
export function useDraft<D extends object>(
  initial: D,
  check: (draft: D) => Partial<Record<keyof D, string>>,
): Draft<D> {
  const [draft, setDraft] = useState(initial);
  const [tries, setTries] = useState(0);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (tries > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [tries]);
  return {
    draft,
    set: (field, value) => setDraft((before) => ({ ...before, [field]: value })),
    problems: tries === 0 ? {} : check(draft),
    form,
    submit: (send) => (event) => {
      event.preventDefault();
      if (Object.keys(check(draft)).length === 0) send();
      else setTries((count) => count + 1);
    },
  };
}
