/** Formats of the identifiers on the wire: conventions.md §12. Import-free. */

export const ID_PREFIX = {
  agent: 'agt_',
  pending: 'pnd_',
  ownerPending: 'dpnd_',
  ownerSession: 'dsh_',
  directConversation: 'conv_',
  group: 'grp_',
  invitation: 'gri_',
  message: 'msg_',
  attachment: 'att_',
  delivery: 'del_',
  auditEvent: 'evt_',
  report: 'rpt_',
  outboxRow: 'obx_',
  webhook: 'whk_',
  webhookDelivery: 'whd_',
  webhookEvent: 'evt_',
} as const;

/** Ids of the chat gateway: gateway.md §1. */
export const GATEWAY_ID_PREFIX = {
  session: 'ses_',
  execution: 'exe_',
  key: 'gky_',
  team: 'team_',
  link: 'lnk_',
  payment: 'pay_',
  voice: 'vse_',
} as const;

/** `del_` + 32 lowercase hex: 12 of the position, 20 of a keyed hash. */
export const DELIVERY_ID_PATTERN = /^del_[a-f0-9]{32}$/;

/** The platform's own support agent (identity.md §15). */
export const CHATFATHER_ID = 'agt_chatfather';
export const CHATFATHER_HANDLE = 'chatfather';
