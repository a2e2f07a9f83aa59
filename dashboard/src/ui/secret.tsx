import { CopyButton } from './copy';

/** What is shown once, with a button that copies it. */
export function Secret({ label, value }: { label: string; value: string }) {
  return (
    <div className="secret">
      <span className="caption">{label}</span>
      <code>{value}</code>
      <CopyButton label={label} value={value} />
    </div>
  );
}
