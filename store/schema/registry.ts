import type { Collection } from 'mongodb';
import { agents, emailGuards } from './collections/agents';
import { auditEvents } from './collections/audit';
import { avatars } from './collections/blobs';
import type { CollectionSpec } from './collections/collection';
import { deliveries } from './collections/deliveries';
import { enforcements, enforcementTransitions, reports } from './collections/enforcement';
import {
  gatewayContacts,
  gatewayEvents,
  gatewayExecutions,
  gatewayKeys,
  gatewayReceipts,
  gatewaySessions,
  gatewaySlots,
} from './collections/gateway';
import { gatewayTeams } from './collections/gateway-teams';
import { gatewayLinkAddresses, gatewayLinks, gatewayVisits } from './collections/links';
import { groupDeletions, invitations, memberships } from './collections/groups';
import { guards } from './collections/guards';
import { idempotency } from './collections/idempotency';
import { envelopes, messages } from './collections/messages';
import { bus, connections, nodes } from './collections/nodes';
import { outbox } from './collections/outbox';
import { claims, owners, ownerSessions } from './collections/owners';
import { facilitatorBalances, facilitatorTransfers, payments, paymentSettings } from './collections/payments';
import { presences } from './collections/presences';
import { hiddenRanges, readStates } from './collections/read-states';
import { recoveries } from './collections/recoveries';
import { blocks, contacts, mutes } from './collections/relations';
import { schemaState } from './collections/schema-state';
import { wsTickets } from './collections/tickets';
import { codeCounters, pendings, rateWindows, wrongCodes } from './collections/verification';
import { gatewayVoices } from './collections/voice';
import { webhooks } from './collections/webhooks';

/**
 * Every collection, by its name. The one place to add one: the typed `Database`, what `openDatabase` opens and what
 * `prepareDatabase` makes all derive from it.
 */
export const COLLECTIONS = {
  agents,
  auditEvents,
  avatars,
  blocks,
  bus,
  claims,
  codeCounters,
  connections,
  contacts,
  deliveries,
  emailGuards,
  enforcements,
  enforcementTransitions,
  envelopes,
  facilitatorBalances,
  facilitatorTransfers,
  gatewayContacts,
  gatewayEvents,
  gatewayExecutions,
  gatewayKeys,
  gatewayReceipts,
  gatewaySessions,
  gatewaySlots,
  gatewayTeams,
  gatewayLinkAddresses,
  gatewayLinks,
  gatewayVisits,
  gatewayVoices,
  groupDeletions,
  guards,
  hiddenRanges,
  idempotency,
  invitations,
  memberships,
  messages,
  mutes,
  nodes,
  outbox,
  owners,
  ownerSessions,
  payments,
  paymentSettings,
  pendings,
  presences,
  rateWindows,
  readStates,
  recoveries,
  reports,
  schemaState,
  webhooks,
  wrongCodes,
  wsTickets,
};

type DocumentOf<Spec> = Spec extends CollectionSpec<infer Shape> ? Shape : never;

/** The collections as the driver gives them, each with the type of its documents. */
export type Collections = {
  [Name in keyof typeof COLLECTIONS]: Collection<DocumentOf<(typeof COLLECTIONS)[Name]>>;
};
