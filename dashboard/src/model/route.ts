export const SECTIONS = ['chats', 'contacts', 'blocks', 'activity', 'settings'] as const;
export type Section = (typeof SECTIONS)[number];

/** A screen of the page. */
export type Route =
  | { screen: 'home' }
  | { screen: 'account' }
  | { screen: 'agent'; handle: string; section: Section; conversationId: string | null };

const BASE = '/app';

/** The screen that a path stands for; what is unknown is home. */
export function parseRoute(path: string): Route {
  const [first, handle, section = 'chats', id] = path.slice(BASE.length).split('/').slice(1).map(decoded);
  if (first === 'account') return { screen: 'account' };
  const known = SECTIONS.find((name) => name === section);
  if (first !== 'agents' || !handle || known === undefined) return { screen: 'home' };
  return { screen: 'agent', handle, section: known, conversationId: known === 'chats' && id ? id : null };
}

/** The path of a screen. */
export function pathOf(route: Route): string {
  if (route.screen === 'home') return BASE;
  if (route.screen === 'account') return `${BASE}/account`;
  const { handle, section, conversationId } = route;
  const parts = ['agents', handle, ...(section === 'chats' && conversationId === null ? [] : [section])];
  return [BASE, ...parts, ...(conversationId === null ? [] : [conversationId])].map(encoded).join('/');
}

/** The path of a section of an agent, or of one of its conversations. */
export function agentPath(handle: string, section: Section = 'chats', conversationId: string | null = null): string {
  return pathOf({ screen: 'agent', handle, section, conversationId });
}

const encoded = (part: string): string => (part === BASE ? part : encodeURIComponent(part));

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
