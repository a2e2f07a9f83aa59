/** Interrupted utterances that are remembered: more than an agent speaks at once. */
const REMEMBERED_MAX = 64;

/**
 * Which utterance an agent is speaking, and which nobody wants to hear any more (gateway.md §7): after a barge-in speech
 * must not go on where it was interrupted. An agent that names none is only silenced up to where it is.
 */
export class Utterances {
  /** The one that the agent's audio belongs to; null: it has named none. */
  current: string | null = null;
  /** The oldest first. */
  private readonly interrupted = new Set<string>();

  /** What comes now belongs to this one. */
  begin(id: string): void {
    this.current = id;
  }

  /** The user speaks, or the agent gives it up: no more of it is to be heard. @returns the utterance, if it has a name */
  interrupt(id: string | null = this.current): string | null {
    if (id === null) return null;
    this.interrupted.delete(id);
    this.interrupted.add(id);
    const [oldest] = this.interrupted;
    if (this.interrupted.size > REMEMBERED_MAX && oldest !== undefined) this.interrupted.delete(oldest);
    return id;
  }

  /** False for audio of an utterance that was interrupted. */
  isWanted(id: string | null): boolean {
    return id === null || !this.interrupted.has(id);
  }
}
