import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '../net/api';

/** What was read last, by key, so that a screen that was left shows at once when it comes back. */
const cache = new Map<string, unknown>();
const CACHE_MAX = 60;

/** Forgets everything: another owner may sign in. */
export function clearResources(): void {
  cache.clear();
}

function keep(key: string, data: unknown): void {
  cache.delete(key);
  cache.set(key, data);
  const [oldest] = cache.keys();
  if (cache.size > CACHE_MAX && oldest !== undefined) cache.delete(oldest);
}

export interface Resource<T> {
  data: T | undefined;
  error: ApiError | null;
  /** Reads again; what is there stays until the answer. */
  reload(): void;
  /** Changes what is there, when it is there. */
  change(update: (data: T) => T): void;
}

/**
 * What `load` answers for `key`. Answers that arrive after the key changed, or after a later reading began, are dropped.
 * `load` gets what is there already, to read at least as much again.
 */
export function useResource<T>(key: string, load: (known: T | undefined) => Promise<T>): Resource<T> {
  const [, redraw] = useState(0);
  const [failure, setFailure] = useState<{ key: string; error: ApiError } | null>(null);
  const latest = useRef(load);
  latest.current = load;
  const reading = useRef(0);
  const shown = useRef(key);
  shown.current = key;
  // The cache is written by this page only, each key always with one type: its parse point.
  const data = cache.get(key) as T | undefined;

  const reload = useCallback(() => {
    const mine = (reading.current += 1);
    const isCurrent = (): boolean => mine === reading.current && shown.current === key;
    latest.current(cache.get(key) as T | undefined).then(
      (read) => {
        if (!isCurrent()) return;
        keep(key, read);
        setFailure(null);
        redraw((count) => count + 1);
      },
      (error: unknown) => {
        if (isCurrent()) setFailure({ key, error: asApiError(error) });
      },
    );
  }, [key]);

  const change = useCallback(
    (update: (data: T) => T) => {
      const known = cache.get(key) as T | undefined;
      if (known === undefined) return;
      keep(key, update(known));
      redraw((count) => count + 1);
    },
    [key],
  );

  useEffect(() => reload(), [reload]);
  return { data, error: failure?.key === key ? failure.error : null, reload, change };
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, 'UNKNOWN', error instanceof Error ? error.message : 'Something went wrong');
}
