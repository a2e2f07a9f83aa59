import { useEffect, useRef } from 'react';
import { CONVERSATIONS_PAGE } from '../net/calls';
import { withMessage, withPage } from '../model/conversations';
import type { ConversationRow } from '../model/wire';
import { useLive } from './live';
import { useResource, type Resource } from './resource';
import { useSession } from './session';

interface Conversations {
  rows: ConversationRow[];
  hasMore: boolean;
}

/** One read at most brings this many rows. */
const READ_MAX = 100;

/** The first rows as they are now; what was read further down before stays. */
function refreshed(read: ConversationRow[], limit: number, known: Conversations | undefined): Conversations {
  const isWhole = read.length < limit;
  const isLonger = (known?.rows.length ?? 0) > limit;
  if (known === undefined || isWhole || !isLonger) return { rows: read, hasMore: !isWhole };
  return { rows: withPage(read, known.rows.slice(limit)), hasMore: known.hasMore };
}

/** The conversations of an agent, live, with what reads the next page. */
export function useConversations(handle: string): Resource<Conversations> & { loadMore(): Promise<void> } {
  const { calls } = useSession();
  const resource = useResource<Conversations>(`conversations:${handle}`, async (known) => {
    const limit = Math.min(READ_MAX, Math.max(CONVERSATIONS_PAGE, known?.rows.length ?? 0));
    return refreshed(await calls.conversations(handle, 0, limit), limit, known);
  });

  useLive((event) => {
    if (event.type === 'resync') return resource.reload();
    if (event.type === 'hello.ok' || event.agent_handle !== handle) return;
    if (event.type === 'message.new') {
      const rows = withMessage(resource.data?.rows ?? [], event.payload);
      if (rows === null) resource.reload();
      else resource.change((known) => ({ ...known, rows: withMessage(known.rows, event.payload) ?? known.rows }));
    } else if (event.type === 'agent.changed' && event.scopes.includes('conversations')) resource.reload();
  });

  const loadMore = async (): Promise<void> => {
    const page = await calls.conversations(handle, resource.data?.rows.length ?? 0);
    resource.change(({ rows }) => ({ rows: withPage(rows, page), hasMore: page.length === CONVERSATIONS_PAGE }));
  };
  return { ...resource, loadMore };
}

/** So many pages are read by themselves to find a conversation that is further down. */
const PAGES_MAX = 10;

/** Reads further pages until `isEnough`. */
export function useFurtherPages({ data, loadMore }: ReturnType<typeof useConversations>, isEnough: boolean): void {
  const pages = useRef(0);
  const load = useRef(loadMore);
  load.current = loadMore;
  const count = data?.rows.length ?? 0;
  const hasMore = data?.hasMore ?? false;
  useEffect(() => {
    if (isEnough || !hasMore || pages.current >= PAGES_MAX) return;
    pages.current += 1;
    // What could not be read is read when the reader scrolls there.
    load.current().catch(() => undefined);
  }, [isEnough, hasMore, count]);
}
