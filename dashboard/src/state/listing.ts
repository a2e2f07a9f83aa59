import type { Page } from '../net/calls';
import type { Scope } from '../model/wire';
import { useReloadOn } from './live';
import { useResource, type Resource } from './resource';

/** A list that is read in pages, and again from its beginning when something of `scopes` changes. */
export function useListing<T extends { handle: string }>(
  key: string,
  handle: string,
  scopes: readonly Scope[],
  read: (offset: number) => Promise<Page<T>>,
): Resource<Page<T>> & { hasMore: boolean; loadMore(): Promise<void> } {
  const resource = useResource<Page<T>>(key, () => read(0));
  useReloadOn(handle, scopes, resource.reload);
  const count = resource.data?.rows.length ?? 0;
  const loadMore = async (): Promise<void> => {
    const page = await read(count);
    resource.change(({ rows }) => {
      const known = new Set(rows.map((row) => row.handle));
      return { rows: [...rows, ...page.rows.filter((row) => !known.has(row.handle))], total: page.total };
    });
  };
  return { ...resource, hasMore: count < (resource.data?.total ?? 0), loadMore };
}

/** The rows that a search finds in what `textOf` tells of them. */
export function searched<T>(rows: readonly T[], search: string, textOf: (row: T) => string): T[] {
  const words = search.trim().toLowerCase().split(/\s+/);
  return rows.filter((row) => {
    const text = textOf(row).toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
