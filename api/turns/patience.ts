/** How long a caller waits: until it is gone, or its time is over. */
export interface Patience {
  signal: AbortSignal;
  /** Nobody waits any more: its timer and its listener go. */
  end(): void;
}

/** `AbortSignal.timeout` and `any` would keep both until the time is over, which is minutes after most answers. */
export function startPatience(gone: AbortSignal, ms: number): Patience {
  const over = new AbortController();
  const stop = (): void => over.abort();
  const timer = setTimeout(stop, ms);
  gone.addEventListener('abort', stop, { once: true });
  if (gone.aborted) stop();
  return {
    signal: over.signal,
    end: () => {
      clearTimeout(timer);
      gone.removeEventListener('abort', stop);
    },
  };
}
