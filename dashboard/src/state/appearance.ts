import { recall, remember, STORED } from '../net/browser';

export const APPEARANCES = ['system', 'light', 'dark'] as const;
export type Appearance = (typeof APPEARANCES)[number];

/** What the reader chose; the system's setting unless they did. */
export function appearance(): Appearance {
  const chosen = recall(STORED.appearance);
  return APPEARANCES.find((name) => name === chosen) ?? 'system';
}

export function setAppearance(chosen: Appearance): void {
  remember(STORED.appearance, chosen === 'system' ? null : chosen);
  applyAppearance();
}

/** The whole palette follows `color-scheme` (styles/tokens.css). */
export function applyAppearance(): void {
  const chosen = appearance();
  if (chosen === 'system') delete document.documentElement.dataset['appearance'];
  else document.documentElement.dataset['appearance'] = chosen;
}
