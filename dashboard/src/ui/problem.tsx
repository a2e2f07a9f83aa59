import type { ReactNode } from 'react';
import type { ApiError } from '../net/api';

/** Said aloud by screen readers when it appears. */
export function Problem({ children }: { children: ReactNode }) {
  return (
    <p className="problem" role="alert">
      {children}
    </p>
  );
}

/** The server's words, which fields it means, and how long to wait where waiting helps. */
export function problemText(error: ApiError): string {
  const fields = Object.entries(error.fields).flatMap(([name, texts]) => texts.map((text) => `${name}: ${text}`));
  const text = [error.message.replace(/\.$/, ''), ...fields].join('. ');
  return error.retryAfterS === null ? `${text}.` : `${text}. Try again in ${waitText(error.retryAfterS)}.`;
}

/** `40 s`, `5 min`, `2 h` */
export function waitText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}
