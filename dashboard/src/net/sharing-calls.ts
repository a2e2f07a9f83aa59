import type { LinkChange } from '../model/links';
import type { NewShareLink, PaymentSettings, ShareLink, TurnSlots, UsedShareLink } from '../model/wire';
import type { Api } from './api';

const agentPath = (handle: string): string => `/api/agents/${encodeURIComponent(handle)}`;
const linksPath = (handle: string): string => `${agentPath(handle)}/public-links`;
const linkPath = (handle: string, id: string): string => `${linksPath(handle)}/${encodeURIComponent(id)}`;

/** Who may chat with an agent, at which price, and how many at once (docs/contract/gateway.md §6.1, §6.3, §9.2). */
export function sharingCalls(api: Api) {
  return {
    links: (handle: string) => api.call<ShareLink[]>('GET', linksPath(handle)),
    link: (handle: string, id: string) => api.call<UsedShareLink>('GET', linkPath(handle, id)),
    createLink: (handle: string, terms: LinkChange) => api.call<NewShareLink>('POST', linksPath(handle), terms),
    changeLink: (handle: string, id: string, change: LinkChange & { enabled?: boolean }) =>
      api.call<ShareLink>('PUT', linkPath(handle, id), change),
    rotateLink: (handle: string, id: string) => api.call<NewShareLink>('POST', `${linkPath(handle, id)}/rotate`),
    deleteLink: (handle: string, id: string) => api.call('DELETE', linkPath(handle, id)),

    payments: (handle: string) => api.call<PaymentSettings>('GET', `${agentPath(handle)}/payments`),
    setPayments: (handle: string, settings: PaymentSettings) =>
      api.call<PaymentSettings>('PUT', `${agentPath(handle)}/payments`, settings),

    turnSlots: (handle: string) => api.call<TurnSlots>('GET', `${agentPath(handle)}/turn-slots`),
    setTurnSlots: (handle: string, max: number) =>
      api.call<TurnSlots>('PUT', `${agentPath(handle)}/turn-slots`, { max }),
  };
}
