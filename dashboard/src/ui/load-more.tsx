import { useEffect, useRef } from 'react';
import { useAction } from '../state/action';

/** Reads the next page when it comes into view; a button for those who do not scroll. */
export function LoadMore({ label, load }: { label: string; load: () => Promise<void> }) {
  const { isBusy, error, run } = useAction();
  const button = useRef<HTMLButtonElement>(null);
  const start = useRef(() => undefined as void);
  start.current = () => {
    if (error === null) run(load);
  };
  useEffect(() => {
    if (button.current === null) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting === true) start.current();
      },
      { rootMargin: '200px' },
    );
    observer.observe(button.current);
    return () => observer.disconnect();
  }, []);
  return (
    <div className="load-more">
      <button ref={button} type="button" className="button quiet" disabled={isBusy} onClick={() => run(load)}>
        {isBusy ? 'Loading…' : error === null ? label : `${error.message} – try again`}
      </button>
    </div>
  );
}
