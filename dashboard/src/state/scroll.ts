import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** So near to the end a reader follows the conversation. */
const NEAR_END_PX = 80;

interface Scroll {
  scroll: RefObject<HTMLDivElement | null>;
  onScroll: () => void;
  /** Something came that the reader does not see. */
  isBehind: boolean;
  toEnd: () => void;
}

/**
 * Starts at the end, follows while the reader is there, and stays where they are while older messages come in above.
 * @param first falls when something older was read, @param last rises when something new came
 */
export function useScroll(first: number, last: number): Scroll {
  const scroll = useRef<HTMLDivElement>(null);
  const before = useRef({ first: 0, last: 0, height: 0, isNearEnd: true });
  const [isBehind, setBehind] = useState(false);

  const toEnd = (): void => {
    if (scroll.current !== null) scroll.current.scrollTop = scroll.current.scrollHeight;
    setBehind(false);
  };
  const onScroll = (): void => {
    const element = scroll.current;
    if (element === null) return;
    before.current.isNearEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
    if (before.current.isNearEnd) setBehind(false);
  };

  useLayoutEffect(() => {
    const element = scroll.current;
    if (element === null) return;
    const known = before.current;
    if (known.isNearEnd) toEnd();
    else if (known.first > first) element.scrollTop += element.scrollHeight - known.height;
    else if (known.last < last) setBehind(true);
    before.current = { first, last, height: element.scrollHeight, isNearEnd: known.isNearEnd };
  }, [first, last]);
  useEffect(() => {
    if (scroll.current === null) return;
    const observer = new ResizeObserver(() => {
      if (before.current.isNearEnd) toEnd();
    });
    observer.observe(scroll.current);
    return () => observer.disconnect();
  }, []);
  return { scroll, onScroll, isBehind, toEnd };
}
