/** True when a mute that lasts until `mutedUntil` (null = until unmuted) silences what happens at `at` (social.md §8.3). */
export function isMuteInForce(mutedUntil: Date | null, at: Date): boolean {
  return mutedUntil === null || mutedUntil.getTime() > at.getTime();
}
