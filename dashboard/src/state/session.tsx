import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { ApiError, createApi, type Api } from '../net/api';
import { renewedAtMemory, schedule } from '../net/browser';
import { createCalls, type Calls } from '../net/calls';
import type { ClaimedAgent, Owner } from '../model/wire';
import { clearResources } from './resource';

export type SessionState =
  | { kind: 'loading' }
  | { kind: 'unreachable'; message: string }
  | { kind: 'signed-out' }
  | { kind: 'signed-in'; owner: Owner; agents: ClaimedAgent[] };

export interface Session {
  state: SessionState;
  calls: Calls;
  /** Reads owner and agents again: after a sign-in, or to see whether the session is still there. */
  reload(): Promise<void>;
  reloadAgents(): Promise<void>;
  setAgents(change: (agents: ClaimedAgent[]) => ClaimedAgent[]): void;
  /** Shows the sign-in page; nothing of this owner is kept. */
  leave(): void;
}

const Context = createContext<Session | null>(null);

/** The session of this tab. Anything below may use it. */
export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error('useSession needs a SessionProvider');
  return session;
}

/** What is there only after a sign-in. */
export function useOwner(): { owner: Owner; agents: ClaimedAgent[] } {
  const { state } = useSession();
  if (state.kind !== 'signed-in') throw new Error('useOwner needs a session');
  return state;
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ kind: 'loading' });
  const leave = useCallback(() => {
    clearResources();
    renewedAtMemory.set(null);
    setState({ kind: 'signed-out' });
  }, []);
  const { api, calls } = useMemo(() => connect(leave), [leave]);

  const reload = useCallback(async () => {
    try {
      setState({ kind: 'signed-in', ...(await calls.bootstrap()) });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 401) return;
      setState((before) => (before.kind === 'loading' ? { kind: 'unreachable', message: error.message } : before));
    }
  }, [calls]);

  const changes = useRef(0);
  const setAgents = useCallback((change: (agents: ClaimedAgent[]) => ClaimedAgent[]) => {
    changes.current += 1;
    setState((before) => (before.kind === 'signed-in' ? { ...before, agents: change(before.agents) } : before));
  }, []);

  const reloadAgents = useCallback(async () => {
    // A failure leaves the list as it is; the next hint or focus tries again.
    const known = changes.current;
    const agents = await calls.agents().catch(() => null);
    if (agents === null) return;
    // What was read may be older than a claim or release that was made meanwhile.
    if (known === changes.current) setAgents(() => agents);
    else await reloadAgents();
  }, [calls, setAgents]);

  useEffect(() => void reload(), [reload]);
  useRenewal(api, state.kind === 'signed-in');

  const session = useMemo(
    () => ({ state, calls, reload, reloadAgents, setAgents, leave }),
    [state, calls, reload, reloadAgents, setAgents, leave],
  );
  return <Context value={session}>{children}</Context>;
}

function connect(onSignedOut: () => void): { api: Api; calls: Calls } {
  const api = createApi({
    fetch: (path, init) => fetch(path, init),
    nowMs: Date.now,
    renewedAt: renewedAtMemory,
    onSignedOut,
  });
  return { api, calls: createCalls(api) };
}

/** While nobody knows when the session was renewed, this often it is looked whether that is known now. */
const LOOK_AGAIN_MS = 60_000;

/** A tab that stays open keeps its session: renewed when it is due, also after the machine slept. */
function useRenewal(api: Api, isSignedIn: boolean): void {
  useEffect(() => {
    if (!isSignedIn) return;
    let cancel = (): void => undefined;
    const plan = (): void => {
      cancel();
      cancel = schedule(Math.max(api.renewInMs() ?? LOOK_AGAIN_MS, LOOK_AGAIN_MS), () => void look());
    };
    const look = async (): Promise<void> => {
      await api.renewWhenDue();
      plan();
    };
    const onFocus = (): void => void look();
    plan();
    addEventListener('focus', onFocus);
    return () => {
      cancel();
      removeEventListener('focus', onFocus);
    };
  }, [api, isSignedIn]);
}
