import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '../../contract/codes';
import { isAppError } from '../../contract/errors';
import { VOICE_LINE_BYTES_MAX } from '../../contract/voice-limits';
import { partsOf } from '../../domain/cuts';
import type { Logger } from '../../platform/logger';
import type { GatewaySession } from '../../store/schema/collections/gateway';
import type { Message } from '../../store/schema/collections/messages';
import type { Committer } from '../../store/sending/committer';
import type { SendCommand } from '../../store/sending/send-types';

/** Who speaks for the agent: its account as it was when its socket came in. */
export interface SpeakingAgent {
  id: string;
  handle: string;
  isSystem: boolean;
  keyVersion: number;
}

export interface VoiceLinesDeps {
  committer: Pick<Committer, 'send'>;
  log: Logger;
  voiceId: string;
  session: GatewaySession;
  /** Called with each line once it is a message. */
  onSaved: (message: Message, role: Line['role']) => void;
  /** No line of the talk can be saved any more: one side must not write to the other. */
  onRefused: () => void;
}

interface Line {
  role: 'user' | 'assistant';
  text: string;
  atMs: number;
  agent: SpeakingAgent;
}

/** Lines that wait before no more are taken from the agent. */
const WAITING_MAX = 100;
/** How long a line is tried again while the database is out of reach. */
const TRY_MS_MAX = 30_000;
const PAUSE_MS_MAX = 2_000;
/** Refusals that may pass. */
const PASSING: ErrorCode[] = ['RATE_LIMITED', 'SERVICE_UNAVAILABLE', 'INTERNAL_ERROR'];

/**
 * Makes messages of the lines of a talk, one after another, so that their order is that in which they were said. Each has
 * a client id of its own, so a try whose answer was lost is found again. When the process dies the lines that wait here are
 * lost: the one that was being saved, in all but a flood.
 */
export class VoiceLines {
  private waiting: Line[] = [];
  private saving: Promise<void> | null = null;

  constructor(private readonly deps: VoiceLinesDeps) {}

  /** Nothing but spaces is no line; a very long one is several. */
  add(line: Line): void {
    if (line.text.trim() === '') return;
    for (const text of partsOf(line.text, VOICE_LINE_BYTES_MAX)) this.waiting.push({ ...line, text });
    this.saving ??= this.saveAll();
  }

  get isFull(): boolean {
    return this.waiting.length >= WAITING_MAX;
  }

  /** Resolves when everything is saved that was said so far. */
  idle(): Promise<void> {
    return this.saving ?? Promise.resolve();
  }

  private async saveAll(): Promise<void> {
    for (let line = this.waiting.shift(); line !== undefined; line = this.waiting.shift()) {
      await this.save(line).catch((error: unknown) => {
        this.deps.log.warn({ event: 'voice.line_lost', voice: this.deps.voiceId, err: error });
        if (isAppError(error)) this.deps.onRefused();
      });
    }
    this.saving = null;
  }

  private async save(line: Line): Promise<void> {
    const command = this.commandOf(line);
    const deadlineMs = performance.now() + TRY_MS_MAX;
    for (let pauseMs = 100; ; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2)) {
      try {
        const outcome = await this.deps.committer.send(command);
        if (outcome.kind === 'unproven') throw new Error('a line was not proven');
        return this.deps.onSaved(outcome.message, line.role);
      } catch (error) {
        const isFinal = isAppError(error) && !PASSING.includes(error.code);
        if (isFinal || performance.now() >= deadlineMs) throw error;
        await sleep(pauseMs);
      }
    }
  }

  private commandOf({ role, text, atMs, agent }: Line): SendCommand {
    const { session, voiceId } = this.deps;
    const guest = { id: session.guestId, handle: session.guestHandle, isSystem: false, keyVersion: 1 };
    const line = {
      clientMsgId: randomUUID(),
      type: 'text' as const,
      content: JSON.stringify({ text }),
      metadata: JSON.stringify({ gateway: { voice: { voice_session_id: voiceId, at_ms: atMs } } }),
      attachmentId: null,
    };
    return role === 'user'
      ? { ...line, sender: { ...guest, isCached: false }, to: agent.handle, isHeard: true }
      : { ...line, sender: { ...agent, isCached: false }, to: guest.handle };
  }
}
