import { z } from 'zod';
import {
  CLIENT_MSG_ID_LENGTH_MAX,
  TURN_DELTA_BYTES_MAX,
  TURN_EVENTS_PER_CALL_MAX,
  TURN_LABEL_LENGTH_MAX,
  TURN_TOOL_BYTES_MAX,
} from './limits';
import { boundedText } from './text';

/** What agents say of turns, as frames and over REST: gateway.md §8.3. */

const toolId = boundedText({ min: 1, max: 128 });

/** Input and output of tools are for people who watch: what is longer is cut. */
const shown = z.unknown().transform((value): unknown => {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  if (Buffer.byteLength(text) <= TURN_TOOL_BYTES_MAX) return value ?? null;
  // A character that was cut through is left out.
  return `${Buffer.from(text)
    .subarray(0, TURN_TOOL_BYTES_MAX)
    .toString('utf8')
    .replace(/\ufffd$/, '')}…`;
});

const deltaText = z.string().refine((text) => Buffer.byteLength(text) <= TURN_DELTA_BYTES_MAX, 'The text is too long');

export const turnEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('accept') }),
  z.object({ type: z.literal('delta'), index: z.number().int().min(0), text: deltaText }),
  z.object({ type: z.literal('progress'), label: boundedText({ max: TURN_LABEL_LENGTH_MAX }) }),
  z.object({ type: z.literal('tool_call'), id: toolId, name: boundedText({ min: 1, max: 200 }), input: shown }),
  z.object({
    type: z.literal('tool_result'),
    id: toolId,
    output: shown,
    is_error: z
      .boolean()
      .nullish()
      .transform((isError) => isError ?? false),
    duration_ms: z
      .number()
      .int()
      .min(0)
      .nullish()
      .transform((ms) => ms ?? null),
  }),
]);

export const turnEventsSchema = z
  .object({ events: z.array(turnEventSchema).min(1).max(TURN_EVENTS_PER_CALL_MAX) })
  .meta({ examples: [{ events: [{ type: 'delta', index: 0, text: 'Hello' }] }] });
export const takenEventsSchema = z.object({ through_index: z.number().int() });

export const completeTurnSchema = z.object({
  client_msg_id: boundedText({ min: 1, max: CLIENT_MSG_ID_LENGTH_MAX }),
  content: z.looseObject({ text: z.string().optional() }).nullish(),
  metadata: z.looseObject({}).nullish(),
  /** What of it is not as gateway.md §8.2 describes it counts as absent. */
  usage: z.looseObject({}).nullish(),
});

export const failTurnSchema = z.object({
  error: z.object({
    code: boundedText({ min: 1, max: 100 }),
    message: boundedText({ max: 1_000 }),
    retryable: z.boolean().nullish(),
  }),
});

/** A turn as its agent sees it. */
export const agentTurnSchema = z
  .object({
    execution_id: z.string(),
    session_id: z.string(),
    conversation_id: z.string().nullable(),
    message_id: z.string().nullable(),
    sender: z.string(),
    status: z.enum(['queued', 'running', 'completed', 'failed', 'cancelled']),
    channel: z.string(),
    queued_at: z.iso.datetime(),
    deadline_at: z.iso.datetime(),
    through_index: z.number().int(),
  })
  .meta({ id: 'AgentTurn' });
export const agentTurnsSchema = z.object({ turns: z.array(agentTurnSchema) });

/** Why an agent need not answer any more. */
export type CancelReason = 'user' | 'owner' | 'timeout' | 'session_closed' | 'link_revoked';

export type CompleteTurnBody = z.output<typeof completeTurnSchema>;
export type AgentTurnView = z.infer<typeof agentTurnSchema>;
