import { isAppError } from '../../../contract/errors';
import { completeTurnSchema, failTurnSchema, turnEventSchema } from '../../../contract/turn-frames';
import { objectOf } from '../../../domain/turns';
import type { Logger } from '../../../platform/logger';
import type { AgentReader } from '../../../store/agents/agents';
import type { Database } from '../../../store/schema/database';
import type { Committer } from '../../../store/sending/committer';
import { completeTurn } from '../../turns/complete-turn';
import type { StreamReply, TurnStreams } from '../../turns/turn-streams';
import type { Turns } from '../../turns/turns';
import type { Frame } from '../wire/frames';
import type { SocketAgent } from './open-socket';

export interface TurnFramesDeps {
  database: Database;
  agents: AgentReader;
  committer: Committer;
  turns: Turns;
  streams: TurnStreams;
  log: Logger;
}

const PREFIX = 'turn.';
const EXECUTION_ID_LENGTH_MAX = 64;

/** What agents say of turns over their sockets: gateway.md §8.3. Whatever is wrong with it is told by `turn.error`. */
export class TurnFrames {
  constructor(private readonly deps: TurnFramesDeps) {}

  /** True for frames of an agent that knows the gateway: from then on it gets what is for such sockets only. */
  static isOfGateway({ type }: Frame): boolean {
    return type.startsWith(PREFIX) || type === 'gateway.subscribe';
  }

  /** `say` sends a frame to the client; `mayTake`: the agent has not said too much lately. */
  handle(agent: SocketAgent, frame: Frame, { say, mayTake }: { say: (text: string) => void; mayTake: boolean }): void {
    const payload = objectOf(frame.payload);
    const id = payload['execution_id'];
    if (typeof id !== 'string' || id.length > EXECUTION_ID_LENGTH_MAX) {
      return say(turnFrame('turn.error', { execution_id: null, code: 'VALIDATION_ERROR', message: 'No execution_id' }));
    }
    const reply: StreamReply = {
      ack: (through_index) => {
        this.deps.turns.changed(id);
        say(turnFrame('turn.ack', { execution_id: id, through_index }));
      },
      refuse: (code, message) => say(turnFrame('turn.error', { execution_id: id, code, message })),
    };
    if (!mayTake) return reply.refuse('RATE_LIMITED', 'Too many deltas');
    const kind = frame.type.slice(PREFIX.length);
    if (kind === 'complete') return void this.complete(agent, id, payload, reply);
    if (kind === 'fail') return void this.fail(agent, id, payload, reply);
    const parsed = turnEventSchema.safeParse({ ...payload, type: kind });
    if (!parsed.success) return reply.refuse('VALIDATION_ERROR', parsed.error.issues[0]?.message ?? 'Invalid payload');
    if (!this.deps.streams.take(agent._id, id, parsed.data, reply))
      reply.refuse('RATE_LIMITED', 'Too many frames wait');
  }

  /** Behind all deltas that came before it. */
  private async complete(agent: SocketAgent, id: string, payload: object, reply: StreamReply): Promise<void> {
    const parsed = completeTurnSchema.safeParse(payload);
    if (!parsed.success) return reply.refuse('VALIDATION_ERROR', parsed.error.issues[0]?.message ?? 'Invalid payload');
    await this.refusing(reply, async () => {
      await this.deps.streams.flushed(agent._id, id);
      const completer = await this.deps.agents.findById(agent._id);
      if (completer?.keyVersion !== agent.keyVersion) return reply.refuse('UNAUTHORIZED', 'The key has changed');
      await completeTurn(this.deps, completer, id, parsed.data);
    });
  }

  private async fail(agent: SocketAgent, id: string, payload: object, reply: StreamReply): Promise<void> {
    const parsed = failTurnSchema.safeParse(payload);
    if (!parsed.success) return reply.refuse('VALIDATION_ERROR', parsed.error.issues[0]?.message ?? 'Invalid payload');
    await this.refusing(reply, async () => {
      await this.deps.streams.flushed(agent._id, id);
      await this.deps.turns.failByAgent(agent, id, parsed.data.error);
    });
  }

  private async refusing(reply: StreamReply, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isAppError(error)) return reply.refuse(error.code, error.message);
      this.deps.log.warn({ event: 'turn.frame_failed', err: error });
      reply.refuse('SERVICE_UNAVAILABLE', 'Try again');
    }
  }
}

export const turnFrame = (type: string, payload: object): string => JSON.stringify({ type, payload });
