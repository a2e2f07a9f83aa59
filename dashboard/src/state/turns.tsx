import { createContext, useContext, useEffect, useMemo, useSyncExternalStore, type ReactNode } from 'react';
import { titleFrom } from '../model/talk';
import type { Turn } from '../model/turn';
import { schedule } from '../net/browser';
import { Turns } from '../net/turns';
import { useSession } from './session';

const Context = createContext<Turns | null>(null);

/** The turns of this tab, while somebody is signed in: they are followed on whatever screen the reader is. */
export function TurnsProvider({ children }: { children: ReactNode }) {
  const { calls } = useSession();
  const turns = useMemo(() => {
    // A chat is found again by what was said first; without a name it is only less easy to find.
    const nameChat = ({ handle, sessionId, message }: Turn): void =>
      void (sessionId !== null && calls.nameChat(handle, sessionId, titleFrom(message)).catch(() => undefined));
    const newKey = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-');
    return new Turns({ ...calls, schedule, nowIso: () => new Date().toISOString(), newKey, onSession: nameChat });
  }, [calls]);
  useEffect(() => () => turns.end(), [turns]);
  return <Context value={turns}>{children}</Context>;
}

export function useTurns(): Turns {
  const turns = useContext(Context);
  if (turns === null) throw new Error('useTurns needs a TurnsProvider');
  return turns;
}

/** The turns of this tab with an agent, as they are now. */
export function useTurnsWith(handle: string): readonly Turn[] {
  const turns = useTurns();
  const all = useSyncExternalStore(turns.subscribe, turns.list);
  return useMemo(() => all.filter((turn) => turn.handle === handle), [all, handle]);
}
