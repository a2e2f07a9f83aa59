import { useState } from 'react';
import type { ApiError } from '../net/api';
import { asApiError } from './resource';

/** One thing at a time that a person asked for, and why it failed. */
export function useAction(): {
  isBusy: boolean;
  error: ApiError | null;
  clear: () => void;
  run: (work: () => Promise<void>) => void;
} {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const run = (work: () => Promise<void>): void => {
    if (isBusy) return;
    setBusy(true);
    setError(null);
    work()
      .catch((reason: unknown) => setError(asApiError(reason)))
      .finally(() => setBusy(false));
  };
  return { isBusy, error, clear: () => setError(null), run };
}
