import { randomUUID } from 'node:crypto';
import { DASHBOARD_ENDPOINTS } from '../../contract/endpoints-dashboard';
import { PAUSE_ENDPOINTS } from '../../contract/endpoints-pause';
import { OWNER_VIEW_ENDPOINTS } from '../../contract/endpoints-owner-views';
import { OWNER_WEBHOOK_ENDPOINTS } from '../../contract/endpoints-owner-webhooks';
import type { CallAnswer, TestAgent } from './agents';
import type { TestOwner } from './owners';

/** One call of a crawl. */
export interface Crawled {
  method: string;
  path: string;
  answer: CallAnswer;
}

/** Where the parameters of per-agent paths can lead. */
export interface CrawlPlaces {
  conversationIds: string[];
  groupIds: string[];
  /** Handles, of this owner's agents and of others. */
  targets: string[];
}

/** Every view of the agent, with what there is and with what there is not. */
export async function crawlAgent(
  owner: TestOwner,
  { agent }: TestAgent,
  places: CrawlPlaces,
  node = 0,
): Promise<Crawled[]> {
  const queries = ['', 'limit=1', 'limit=100&offset=1', 'limit=abc', 'offset=-1'];
  const paths = [
    '',
    ...['conversations', 'contacts', 'blocks'].flatMap((list) => queries.map((query) => `/${list}?${query}`)),
    ...['', 'include_messages=true', 'include_messages=true&limit=2', 'before=x'].map((query) => `/events?${query}`),
    `/events?include_messages=true&before=${new Date().toISOString()}`,
    '/messages',
    ...[...places.conversationIds, ...places.groupIds, 'conv_unknown'].flatMap((id) => [
      `/messages?conversation_id=${id}`,
      `/messages?conversation_id=${id}&before_seq=2`,
      `/messages?conversation_id=${id}&before_seq=x`,
    ]),
    '/presence',
    '/webhooks',
    '/webhooks/whk_unknown/deliveries',
    '/webhooks/whk_unknown/deliveries/whd_unknown',
    ...[...places.targets, 'nobody-at-all'].map((handle) => `/profiles/@${handle}`),
    ...[...places.groupIds, 'grp_unknown'].map((id) => `/groups/${id}`),
    '/no-such-view',
  ];
  const crawled: Crawled[] = [];
  for (const path of paths) crawled.push(await call(owner, 'GET', `/dashboard/agents/${agent.handle}${path}`, node));
  return crawled;
}

/** What an owner reads beside its agents, and a claim of what it holds already. */
export async function crawlOwner(owner: TestOwner, { apiKey }: TestAgent, node = 0): Promise<Crawled[]> {
  const reads = ['/dashboard/me', '/dashboard/bootstrap', '/dashboard/agents', '/dashboard/nothing'];
  const crawled: Crawled[] = [];
  for (const path of reads) crawled.push(await call(owner, 'GET', path, node));
  for (const key of [apiKey, `ac_live_${randomUUID()}`]) {
    const answer = await owner.call('POST', '/dashboard/agents/claim', { node, body: { api_key: key } });
    crawled.push({ method: 'POST', path: '/dashboard/agents/claim', answer });
  }
  crawled.push(await call(owner, 'POST', '/dashboard/ws/ticket', node));
  return crawled;
}

async function call(owner: TestOwner, method: string, path: string, node: number): Promise<Crawled> {
  return { method, path, answer: await owner.call(method, path, { node }) };
}

/** Every call about one agent that the contract has, with a handle and parameters that exist. */
export function agentCalls(handle: string, places: CrawlPlaces): { method: string; path: string; body?: object }[] {
  const [conversation = '', target = '', group = ''] = [
    places.conversationIds[0],
    places.targets[0],
    places.groupIds[0],
  ];
  return [...DASHBOARD_ENDPOINTS, ...OWNER_VIEW_ENDPOINTS, ...PAUSE_ENDPOINTS, ...OWNER_WEBHOOK_ENDPOINTS]
    .filter(({ path }) => path.includes('/:handle'))
    .map(({ method, path }) => ({
      method,
      ...(path.endsWith('/pause') ? { body: { mode: 'full' } } : {}),
      path: path
        .replace(':handle', handle)
        .replace(':target', target)
        .replace(':group_id', group)
        .replace(':id', 'whk_unknown')
        .replace(':delivery_id', 'whd_unknown')
        .replace(/\/messages$/, `/messages?conversation_id=${conversation}`),
    }));
}
