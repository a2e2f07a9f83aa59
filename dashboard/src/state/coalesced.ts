import { useCallback, useEffect, useRef } from 'react';
import { schedule } from '../net/browser';

/** Does `work` soon, once for all who ask until then: an agent that is busy must not keep its owner's page busy. */
export function useCoalesced(work: () => void, ms: number): () => void {
  const latest = useRef(work);
  latest.current = work;
  const callOff = useRef<(() => void) | null>(null);
  useEffect(
    () => () => {
      callOff.current?.();
      callOff.current = null;
    },
    [],
  );
  return useCallback(() => {
    callOff.current ??= schedule(ms, () => {
      callOff.current = null;
      latest.current();
    });
  }, [ms]);
}
