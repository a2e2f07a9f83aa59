import { gatewaySubscribeSchema, voiceRejectSchema } from '../../../contract/voice';
import type { Logger } from '../../../platform/logger';
import type { VoiceCodecs } from '../../../store/schema/collections/nodes';
import type { Voices } from '../../voice/voices';
import type { Frame } from '../wire/frames';
import type { SocketAgent } from './open-socket';

/** What the voice of an agent takes, by its `gateway.subscribe`; null: the frame says nothing of it. */
export function voiceCodecsOf({ type, payload }: Frame): VoiceCodecs | null {
  if (type !== 'gateway.subscribe') return null;
  const voice = gatewaySubscribeSchema.safeParse(payload).data?.voice;
  if (voice === undefined) return null;
  return {
    ...(voice.input_codecs === undefined ? {} : { input: voice.input_codecs }),
    ...(voice.output_codecs === undefined ? {} : { output: voice.output_codecs }),
  };
}

/** What agents say of talks over their usual socket: gateway.md §7. */
export class VoiceFrames {
  constructor(private readonly deps: { voices: Pick<Voices, 'reject'>; log: Logger }) {}

  /** An agent does not want to talk. Of a talk that is not its own, or has begun, it is nothing. */
  handle(agent: SocketAgent, { type, payload }: Frame): void {
    if (type !== 'voice.reject') return;
    const { data } = voiceRejectSchema.safeParse(payload);
    if (data === undefined) return;
    this.deps.voices
      .reject(agent._id, data.voice_session_id)
      .catch((error: unknown) => this.deps.log.warn({ event: 'voice.not_rejected', err: error }));
  }
}
