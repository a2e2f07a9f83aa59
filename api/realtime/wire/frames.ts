import type { Presence } from '../../../domain/presence';
import type { LimitWarning } from '../../../domain/warnings';
import { presentPresence } from '../../../presenters/events';
import { CLIENT_NAMES } from '../../../contract/frames';
import { CLIENT_VERSION_LENGTH_MAX } from '../../../contract/limits';

/** The first frame of a client (realtime.md §1.2). */
export interface Hello {
  apiKey: string;
  /** Null: the client sent no list, and none is answered. */
  capabilities: string[] | null;
  client: Client;
}

/** Recorded in the log, for operators. */
export interface Client {
  name: string;
  version: string;
}

/** An object with a string `type`; whatever else is in it is not known yet. */
export type Frame = Record<string, unknown> & { type: string };

/** A text frame as an object with a string `type`, or null for anything else. */
export function parseFrame(text: string): Frame | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('type' in value) || typeof value.type !== 'string')
      return null;
    // The parse point of frames: an object whose other fields are not known yet.
    return value as Frame;
  } catch {
    return null;
  }
}

/** A valid `hello`, or null. `token` is an alias that `api_key` wins over. */
export function parseHello(frame: Frame | null): Hello | null {
  const apiKey = frame?.api_key ?? frame?.token;
  if (frame?.type !== 'hello' || typeof apiKey !== 'string') return null;
  return {
    apiKey,
    capabilities: Array.isArray(frame.capabilities)
      ? frame.capabilities.filter((name): name is string => typeof name === 'string')
      : null,
    client: parseClient(frame.client, frame.client_version),
  };
}

/** How a client calls itself, by whatever it sent: never an error. */
export function parseClient(name: unknown, version: unknown): Client {
  return {
    name: CLIENT_NAMES.find((known) => known === name) ?? 'unknown',
    version: typeof version === 'string' ? version.slice(0, CLIENT_VERSION_LENGTH_MAX) : 'unknown',
  };
}

/** What this server can do beyond the minimum. */
export const SUPPORTED_CAPABILITIES = ['ack', 'gateway'];

/** `hello.ok`; capabilities only for clients that asked. */
export function helloOk(asked: string[] | null): string {
  if (asked === null) return '{"type":"hello.ok"}';
  const granted = SUPPORTED_CAPABILITIES.filter((name) => asked.includes(name));
  return JSON.stringify({ type: 'hello.ok', capabilities: granted });
}

export type TypingType = 'typing.start' | 'typing.stop';

export function typingFrame(type: TypingType, conversation_id: string, sender: string): string {
  return JSON.stringify({ type, payload: { conversation_id, sender } });
}

/** A longer `id` is not a reference but a load. */
const REF_LENGTH_MAX = 128;

export function errorFrame(code: string, message: string, ref: unknown): string {
  const payload = { code, message, ...(typeof ref === 'string' && ref.length <= REF_LENGTH_MAX ? { ref } : {}) };
  return JSON.stringify({ type: 'error', payload });
}

export function presenceFrame(handle: string, presence: Presence): string {
  return JSON.stringify({ type: 'presence.update', payload: presentPresence(handle, presence) });
}

export function warningFrame({ limit, remaining, resetAt, scope }: LimitWarning): string {
  const message =
    scope === 'sender'
      ? 'Most of the sends of this second are used'
      : 'Most of the conversations that may wait for a first reply are open';
  const payload = { endpoint: '/v1/messages', limit, remaining, reset_at: resetAt.toISOString(), message };
  return JSON.stringify({ type: 'rate_limit.warning', payload });
}

export function messageFrame(messageJson: string): string {
  return `{"type":"message.new","payload":${messageJson}}`;
}
