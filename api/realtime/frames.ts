import type { Presence } from '../../domain/presence';
import { CLIENT_VERSION_LENGTH_MAX } from '../../contract/limits';

/** The first frame of a client (realtime.md §1.2). */
export interface Hello {
  apiKey: string;
  /** Null: the client sent no list, and none is answered. */
  capabilities: string[] | null;
  client: string;
  clientVersion: string;
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
  const text = (value: unknown) => (typeof value === 'string' ? value.slice(0, CLIENT_VERSION_LENGTH_MAX) : 'unknown');
  return {
    apiKey,
    capabilities: Array.isArray(frame.capabilities)
      ? frame.capabilities.filter((name): name is string => typeof name === 'string')
      : null,
    client: text(frame.client),
    clientVersion: text(frame.client_version),
  };
}

/** What this server can do beyond the minimum. */
export const SUPPORTED_CAPABILITIES = ['ack'];

/** `hello.ok`; capabilities only for clients that asked. */
export function helloOk(asked: string[] | null): string {
  if (asked === null) return '{"type":"hello.ok"}';
  const granted = SUPPORTED_CAPABILITIES.filter((name) => asked.includes(name));
  return JSON.stringify({ type: 'hello.ok', capabilities: granted });
}

export function errorFrame(code: string, message: string, ref: unknown): string {
  const payload = { code, message, ...(typeof ref === 'string' ? { ref } : {}) };
  return JSON.stringify({ type: 'error', payload });
}

export function presenceFrame(handle: string, { status, customMessage }: Presence): string {
  return JSON.stringify({ type: 'presence.update', payload: { handle, status, custom_message: customMessage } });
}

export function messageFrame(messageJson: string): string {
  return `{"type":"message.new","payload":${messageJson}}`;
}
