import { z } from 'zod';
import { boundedText } from './text';

/** Payloads of frames from clients: realtime.md §4. */

const conversationId = boundedText({ min: 1, max: 64 });

export const typingFrameSchema = z.object({ conversation_id: conversationId });

export const readAckFrameSchema = z.object({
  conversation_id: conversationId,
  through_seq: z.number().int().min(0),
});

/** A `message_id` that can be one: longer strings are looked up nowhere. */
export const ACK_ID_LENGTH_MAX = 64;

/** What clients call themselves (realtime.md §1.2); whatever else they say is recorded as `unknown`. */
export const CLIENT_NAMES = ['typescript_sdk', 'python_sdk', 'openclaw', 'hermes', 'mcp', 'coding_agents'];
