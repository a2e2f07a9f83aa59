import { useState } from 'react';
import { useAction } from '../state/action';
import { Icon } from './icons';
import { Problem } from './problem';

/**
 * Puts a text into the clipboard.
 * @param label what it is, for those who do not see what stands beside the button
 * @param text what the button says
 */
export function CopyButton({
  label,
  value,
  text = 'Copy',
  isSmall = false,
}: {
  label: string;
  value: string;
  text?: string;
  isSmall?: boolean;
}) {
  const [copied, setCopied] = useState<string | null>(null);
  const { error, run } = useAction();
  const copy = (): void =>
    run(async () => {
      await navigator.clipboard.writeText(value);
      setCopied(value);
    });
  const isCopied = copied === value;
  return (
    <>
      <button
        type="button"
        className={`button ${isSmall ? 'small' : ''}`}
        onClick={copy}
        aria-label={`${isCopied ? 'Copied' : text}: ${label}`}
      >
        <Icon name={isCopied ? 'check' : 'copy'} size={isSmall ? 15 : 18} /> {isCopied ? 'Copied' : text}
      </button>
      <Problem>{error === null ? null : 'This browser does not let pages copy: select it by hand.'}</Problem>
    </>
  );
}
