import type { ReactNode } from 'react';
import type { ApiError } from '../net/api';
import { Icon, type IconName } from './icons';

/** Nothing to show, and why. */
export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <span className="empty-icon">
        <Icon name={icon} size={26} />
      </span>
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** Something could not be read. */
export function Failure({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  return (
    <div className="empty" role="alert">
      <span className="empty-icon">
        <Icon name="info" size={26} />
      </span>
      <h2>This could not be loaded</h2>
      <p>{error.message}</p>
      <button type="button" className="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

/** Rows that are on their way. */
export function Skeleton({ rows }: { rows: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <span key={index} className="skeleton-row" aria-hidden="true">
          <span className="skeleton-circle" />
          <span className="skeleton-lines" />
        </span>
      ))}
    </div>
  );
}

/** What a resource shows until its data is there. */
export function Pending({ error, onRetry, rows = 6 }: { error: ApiError | null; onRetry: () => void; rows?: number }) {
  return error === null ? <Skeleton rows={rows} /> : <Failure error={error} onRetry={onRetry} />;
}
