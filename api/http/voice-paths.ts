/** Where callers connect: gateway.md §7. */
const CALLER_PATH = /^\/api\/agents\/([^/]+)\/voice\/ws$/;
const ALIAS_PATH = /^\/ws\/voice\/([^/]+)$/;
const AGENT_PATH = '/v1/voice/ws';

/** True for the paths of sockets that callers and agents talk over. */
export const isVoicePath = (path: string): boolean => voicePathOf(path) !== null;

/** What a path of a voice socket names; null: it is none. */
export function voicePathOf(
  path: string,
): { kind: 'agent' } | { kind: 'caller'; agentName: string | null; voiceId: string | null } | null {
  if (path === AGENT_PATH) return { kind: 'agent' };
  const [, agentName = null] = CALLER_PATH.exec(path) ?? [];
  const [, voiceId = null] = ALIAS_PATH.exec(path) ?? [];
  return agentName === null && voiceId === null ? null : { kind: 'caller', agentName, voiceId };
}
