export const SECTIONS = ['chats', 'talk', 'contacts', 'blocks', 'activity', 'webhooks', 'settings'] as const;
export type Section = (typeof SECTIONS)[number];

/** A screen of the page. */
export type Route =
  | { screen: 'home' }
  | { screen: 'account' }
  | { screen: 'keys' }
  | { screen: 'agent'; handle: string; section: Section; conversationId: string | null };

/** Sections with something that has an id of its own: a conversation, one of the owner's chats, or a webhook. */
const OPENED: readonly Section[] = ['chats', 'talk', 'webhooks'];

/** Instead of the id of a chat: one that nothing was said in yet. */
export const NEW_CHAT = 'new';

const BASE = '/app';

/** The screen that a path stands for; what is unknown is home. */
export function parseRoute(path: string): Route {
  const [first, handle, section = 'chats', id] = path.slice(BASE.length).split('/').slice(1).map(decoded);
  if (first === 'account' || first === 'keys') return { screen: first };
  const known = SECTIONS.find((name) => name === section);
  if (first !== 'agents' || !handle || known === undefined) return { screen: 'home' };
  return { screen: 'agent', handle, section: known, conversationId: OPENED.includes(known) && id ? id : null };
}

/** The path of a screen. */
export function pathOf(route: Route): string {
  if (route.screen === 'home') return BASE;
  if (route.screen !== 'agent') return `${BASE}/${route.screen}`;
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
