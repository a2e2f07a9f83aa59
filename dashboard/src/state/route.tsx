import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from 'react';
import { parseRoute, type Route } from '../model/route';

const listeners = new Set<() => void>();
const tell = (): void => listeners.forEach((listener) => listener());

addEventListener('popstate', tell);

/** Hears of every navigation of this tab. @returns what stops it */
export function onNavigation(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Goes to another screen. `replaces`: the one that is left was only passed through. */
export function navigate(path: string, { replaces = false } = {}): void {
  if (path !== location.pathname) history[replaces ? 'replaceState' : 'pushState'](null, '', path);
  tell();
}

/** The screen that the address bar names. */
export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(onNavigation, () => location.pathname));
}

/** A link to a screen; other clicks (new tab, new window) are the browser's. */
export function Link({ href, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}
