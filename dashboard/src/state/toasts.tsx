import { createContext, useCallback, useContext, useState, type ReactNode } from 'react';
import { schedule } from '../net/browser';

const SHOWN_MS = 6_000;

const Context = createContext<(text: string) => void>(() => undefined);

/** Says something that needs no answer. */
export const useToast = (): ((text: string) => void) => useContext(Context);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<{ id: number; text: string }[]>([]);
  const show = useCallback((text: string) => {
    const toast = { id: Date.now() + Math.random(), text };
    setToasts((before) => [...before.slice(-2), toast]);
    schedule(SHOWN_MS, () => setToasts((before) => before.filter((other) => other !== toast)));
  }, []);
  return (
    <Context value={show}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map(({ id, text }) => (
          <p key={id} className="toast">
            {text}
          </p>
        ))}
      </div>
    </Context>
  );
}
