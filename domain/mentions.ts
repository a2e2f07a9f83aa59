import { HANDLE_LENGTH_MAX, HANDLE_LENGTH_MIN, MENTIONS_MAX } from '../contract/limits';

/** An `@` at the start or after a non-word character, a whole handle behind it, no word character behind that. */
const MENTION = /(?<![\p{L}\p{N}_])@([A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*)(?![\p{L}\p{N}_])/gu;

/**
 * The handles that a text mentions (messaging.md §2): lowercase, without duplicates, in order of first appearance,
 * at most 256. Says nothing about whether they exist.
 */
export function findMentions(text: string): string[] {
  const found = new Set<string>();
  for (const match of text.matchAll(MENTION)) {
    const handle = (match[1] ?? '').toLowerCase();
    if (handle.length < HANDLE_LENGTH_MIN || handle.length > HANDLE_LENGTH_MAX) continue;
    found.add(handle);
    if (found.size === MENTIONS_MAX) break;
  }
  return [...found];
}
