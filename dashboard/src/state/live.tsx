import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { ApiError } from '../net/api';
import { openSocket, schedule } from '../net/browser';
import { LATER, Live, SIGNED_OUT, type LiveState } from '../net/live';
import type { Frame, Scope } from '../model/wire';
import { onNavigation } from './route';
import { useSession } from './session';

type Listener = (event: Frame | { type: 'resync' }) => void;

const Context = createContext<{ state: LiveState; subscribe: (listener: Listener) => () => void } | null>(null);

/** The dashboard socket of this tab, while somebody is signed in. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const { calls, reload } = useSession();
  const [state, setState] = useState<LiveState>('connecting');
  const listeners = useRef(new Set<Listener>());

  useEffect(() => {
    const tell: Listener = (event) => listeners.current.forEach((listener) => listener(event));
    const live = new Live({
      ticket: () => calls.ticket().catch((error: unknown) => (isSignedOut(error) ? SIGNED_OUT : LATER)),
      open: openSocket,
      schedule,
      onFrame: tell,
      onOpen: () => tell({ type: 'resync' }),
      onRevoked: () => void reload(),
      onState: setState,
    });
    const stopWaking = onNavigation(live.wake);
    const onVisibility = (): void => live.setHidden(document.visibilityState === 'hidden');
    addEventListener('focus', live.wake);
    addEventListener('online', live.wake);
    document.addEventListener('visibilitychange', onVisibility);
    onVisibility();
    return () => {
      stopWaking();
      removeEventListener('focus', live.wake);
      removeEventListener('online', live.wake);
      document.removeEventListener('visibilitychange', onVisibility);
      live.end();
    };
  }, [calls, reload]);

  const live = useMemo(
    () => ({
      state,
      subscribe: (listener: Listener) => {
        listeners.current.add(listener);
        return () => listeners.current.delete(listener);
      },
    }),
    [state],
  );
  return <Context value={live}>{children}</Context>;
}

function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

function useContextLive() {
  const live = useContext(Context);
  if (live === null) throw new Error('useLive needs a LiveProvider');
  return live;
}

export const useLiveState = (): LiveState => useContextLive().state;

/** Hears every frame, and `resync` whenever the socket opened. */
export function useLive(listener: Listener): void {
  const { subscribe } = useContextLive();
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const stop = subscribe((event) => latest.current(event));
    return () => void stop();
  }, [subscribe]);
}

/** Calls `reload` when something of these scopes changed for the agent, or may have while the socket was away. */
export function useReloadOn(handle: string, scopes: readonly Scope[], reload: () => void): void {
  useLive((event) => {
    if (event.type === 'resync') reload();
    if (event.type !== 'agent.changed' || event.agent_handle !== handle) return;
    if (event.scopes.some((scope) => scopes.includes(scope))) reload();
  });
}
