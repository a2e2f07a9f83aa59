import { filterQuery, withFirstPage, withNextPage, type Deliveries, type DeliveryFilter } from '../model/deliveries';
import type { DeliveryDetail, Webhook } from '../model/wire';
import type { DeliveryPlace } from '../net/webhook-calls';
import { useCoalesced } from './coalesced';
import { useEvery } from './every';
import { useLive } from './live';
import { useResource, type Resource } from './resource';
import { useSession } from './session';

/** A message makes a delivery within a second. */
const SOON_MS = 1_000;
/** Of attempts nobody tells: a hint for each would cost the workers more than these readings cost. */
const LIST_MS = 15_000;
const DELIVERIES_MS = 5_000;

/** Reads again when something of the agent's webhooks changed or may have, and else every so often while it is seen. */
function useWebhooksLive(handle: string, everyMs: number, reload: () => void): void {
  const soon = useCoalesced(reload, SOON_MS);
  useLive((event) => {
    if (event.type === 'resync') return reload();
    if (event.type === 'hello.ok' || event.agent_handle !== handle) return;
    if (event.type === 'message.new') soon();
    if (event.type === 'agent.changed' && event.scopes.some((scope) => TOLD.has(scope))) soon();
  });
  useEvery(everyMs, reload);
}

/** Changes of webhooks stand in the activity log; a pause holds them, and reads, contacts and presence are events of theirs. */
const TOLD: ReadonlySet<string> = new Set(['events', 'pause', 'messages']);

/** The webhooks of an agent with the health of their endpoints, kept up. */
export function useWebhooks(handle: string): Resource<Webhook[]> {
  const { calls } = useSession();
  const resource = useResource<Webhook[]>(`webhooks:${handle}`, () => calls.webhooks(handle));
  useWebhooksLive(handle, LIST_MS, resource.reload);
  return resource;
}

/** The deliveries of an endpoint, newest first, kept up, with what reads the next page. */
export function useDeliveries(
  handle: string,
  webhookId: string,
  filter: DeliveryFilter,
): Resource<Deliveries> & { loadMore(): Promise<void> } {
  const { calls } = useSession();
  const fields = filterQuery(filter);
  const key = `deliveries:${webhookId}:${JSON.stringify(fields)}`;
  const resource = useResource<Deliveries>(key, async (known) =>
    withFirstPage(known, await calls.deliveries(handle, webhookId, fields)),
  );
  useWebhooksLive(handle, DELIVERIES_MS, resource.reload);
  const loadMore = async (): Promise<void> => {
    const cursor = resource.data?.nextCursor ?? undefined;
    const page = await calls.deliveries(handle, webhookId, { ...fields, cursor });
    resource.change((known) => withNextPage(known, page));
  };
  return { ...resource, loadMore };
}

/** One delivery with its request and its attempts, kept up. */
export function useDelivery(place: DeliveryPlace): Resource<DeliveryDetail> {
  const { calls } = useSession();
  const resource = useResource<DeliveryDetail>(`delivery:${place.deliveryId}`, () => calls.delivery(place));
  useWebhooksLive(place.handle, DELIVERIES_MS, resource.reload);
  return resource;
}
