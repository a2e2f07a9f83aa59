import { useState } from 'react';
import { useAction } from '../state/action';
import { Icon } from './icons';
import { Problem } from './problem';

/** What is shown once, with a button that copies it. */
export function Secret({ label, value }: { label: string; value: string }) {
  const [isCopied, setCopied] = useState(false);
  const { error, run } = useAction();
  const copy = (): void =>
    run(async () => {
      await navigator.clipboard.writeText(value);
      setCopied(true);
    });
  return (
    <div className="secret">
      <span className="caption">{label}</span>
      <code>{value}</code>
      <button type="button" className="button" onClick={copy} aria-label={`Copy: ${label}`}>
        <Icon name={isCopied ? 'check' : 'copy'} size={18} /> {isCopied ? 'Copied' : 'Copy'}
      </button>
      <Problem>{error === null ? null : 'This browser does not let pages copy: select it by hand.'}</Problem>
    </div>
  );
}
