import type { LiveSocket } from './live';
import type { Memory } from './api';

/** What is kept in this browser. All of it is a convenience: without storage the page works, it only remembers less. */
export const STORED = {
  renewedAt: 'agentchat.renewed-at',
  lastAgent: 'agentchat.last-agent',
  appearance: 'agentchat.appearance',
} as const;

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // Storage is switched off in this browser.
  }
}

/** When the session was renewed last, shared by all tabs. */
export const renewedAtMemory: Memory = {
  get: () => {
    const ms = Number(recall(STORED.renewedAt) ?? NaN);
    return Number.isFinite(ms) ? ms : null;
  },
  set: (ms) => remember(STORED.renewedAt, ms === null ? null : String(ms)),
};

/** The dashboard socket of this origin. */
export function openSocket(ticket: string): LiveSocket {
  const origin = location.origin.replace(/^http/, 'ws');
  const socket = new WebSocket(`${origin}/v1/ws/dashboard?ticket=${encodeURIComponent(ticket)}`);
  return {
    onMessage: (listener) =>
      socket.addEventListener('message', (event: MessageEvent<unknown>) => {
        if (typeof event.data === 'string') listener(event.data);
      }),
    onClose: (listener) => socket.addEventListener('close', ({ code, reason }) => listener(code, reason)),
    close: () => socket.close(),
  };
}

export function schedule(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
}
