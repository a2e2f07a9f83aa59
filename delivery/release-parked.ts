import { isSilenced, type Releasing } from '../domain/guards';
import { isKeepingWaiting, isToldByRelease } from '../domain/webhook-activity';
import { asksForMentions } from '../domain/webhook-filter';
import { presentRow } from '../presenters/message';
import type { AgentReader } from '../store/agents/agents';
import { deliveryOrder, type Delivery } from '../store/schema/collections/deliveries';
import type { Webhook } from '../store/schema/collections/webhooks';
import { findInboxIn, readReleased, type InboxRow } from '../store/inbox/inbox';
import { saveReleased } from '../store/webhooks/intents/save-released';
import { listWebhooks } from '../store/webhooks/webhooks';
import { messageNews } from './describe-intent';
import type { ExpandDeps } from './expand-intents';
import { newDeliveries } from './new-deliveries';

/** Envelopes of one step: bounded, and read anew in the next. */
const PAGE = 100;

/** What one step did. */
export interface ReleaseStep {
  /** False when nothing is left, or a silence began again. */
  isMore: boolean;
  /** Deliveries that were made. */
  made: number;
  /** Webhooks that have a new first attempt to make. */
  webhookIds: string[];
}

const NOTHING: ReleaseStep = { isMore: false, made: 0, webhookIds: [] };

/**
 * Makes deliveries of the next page of what came while nothing could be sent to webhooks, in the order of the inbox
 * (dashboard.md G10), up to its very end: messages that come meanwhile join it. Any number of workers may run steps at
 * once, and die in them: `saveReleased` says why no message gets a second delivery.
 */
export async function releaseStep(deps: ExpandDeps, agentId: string): Promise<ReleaseStep> {
  const { database, agents } = deps;
  const inbox = await findInboxIn(database, agentId);
  if (inbox?.releasing === undefined || inbox.silentFrom === undefined || isSilenced(inbox)) return NOTHING;
  const { releasing, silentFrom, writtenOff } = inbox;
  const webhooks = (await listWebhooks(database, agentId)).filter((own) => own.active || isKeepingWaiting(own));
  const handle = webhooks.some(asksForMentions) ? await handleOf(agents, agentId) : undefined;
  const head = inbox.nextPosition - 1;
  const page = { after: silentFrom - 1, upTo: head, limit: PAGE, includeMuted: false, writtenOff, since: releasing.at };
  const agent = { _id: agentId, inboxSalt: inbox.salt };
  // What the agent acknowledged itself is left in: that says nothing of its webhooks.
  const rows = webhooks.length === 0 ? [] : await readReleased(database, agents, agent, { ...page, syncedUpTo: 0 });
  const upTo = rows.length < PAGE ? head : (rows.at(-1)?.position ?? head);
  const deliveries = rows.flatMap((row) => deliveriesOf(row, { agentId, handle, webhooks, releasing }));
  const saved = await saveReleased(database, inbox, { upTo, deliveries });
  const webhookIds = [...new Set(saved.deliveries.map(({ webhookId }) => webhookId))];
  return { isMore: saved.isMore, made: saved.deliveries.length, webhookIds };
}

/** Of the agent whose silence ended. */
interface Released {
  agentId: string;
  handle: string | undefined;
  webhooks: Webhook[];
  releasing: Releasing;
}

/** For the webhooks that were in force when the silence ended, and for those that were when the message came. */
function deliveriesOf(row: InboxRow, { agentId, handle, webhooks, releasing }: Released): Delivery[] {
  const { position, message, sender } = row;
  const moment = { version: releasing.webhookVersion, position };
  const news = messageNews({ targetId: agentId, handle, position, message, sender, json: presentRow(row) });
  return newDeliveries(news, {
    webhooks: webhooks.filter((webhook) => isToldByRelease(webhook, moment)),
    order: deliveryOrder(position, releasing.at),
    isReleased: true,
    now: new Date(),
  });
}

async function handleOf(agents: AgentReader, agentId: string): Promise<string | undefined> {
  return (await agents.loadCards([agentId])).get(agentId)?.handle;
}
