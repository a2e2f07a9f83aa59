/** Colours of avatars without a picture. */
export const TONE_COUNT = 12;

/**
 * The place in the palette for a handle (of groups: a conversation id): the same key has the same colour on every page and
 * reload (dashboard.md §9).
 */
export function toneOf(key: string): number {
  let hash = 0;
  for (let index = 0; index < key.length; index += 1) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
  return Math.abs(hash) % TONE_COUNT;
}
