import { useId, type ReactNode } from 'react';

/** What a control says of itself to those who do not see the words around it. */
export interface ControlProps {
  'aria-invalid': boolean;
  'aria-describedby': string | undefined;
}

/** A control with its label, a word of help, and what is wrong with what stands in it. */
export function Field({
  label,
  hint,
  problem,
  children,
}: {
  label: string;
  hint?: ReactNode;
  problem?: string | undefined;
  children: (props: ControlProps) => ReactNode;
}) {
  const id = useId();
  const [hintId, problemId] = [`${id}-hint`, `${id}-problem`];
  const described = [...(hint === undefined ? [] : [hintId]), ...(problem === undefined ? [] : [problemId])];
  return (
    <div className="field-group">
      <label className="field">
        <span>{label}</span>
        {children({
          'aria-invalid': problem !== undefined,
          'aria-describedby': described.length === 0 ? undefined : described.join(' '),
        })}
      </label>
      {problem !== undefined && (
        <p id={problemId} className="field-problem">
          {problem}
        </p>
      )}
      {hint !== undefined && (
        <p id={hintId} className="field-hint">
          {hint}
        </p>
      )}
    </div>
  );
}
