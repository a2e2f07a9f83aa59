/**
 * Every number that the contract fixes. Import-free, so that workflows and rules can use it.
 * Units stand at the end of each name; the section of docs/contract is named where the number comes from.
 */

/** conventions.md §15: any JSON body. */
export const JSON_BODY_BYTES_MAX = 1_048_576;
/** conventions.md §15: how deep a JSON body nests. A send's body and `content` stand around what may be 100 deep. */
export const JSON_BODY_DEPTH_MAX = 102;
/**
 * conventions.md §15: keys and commas of a JSON body. Content of 32,768 bytes holds at most 5,461 keys (six bytes each)
 * or 16,384 commas (two bytes each); the rest is for what stands around it.
 */
export const JSON_BODY_KEYS_MAX = 5_600;
export const JSON_BODY_COMMAS_MAX = 16_640;
/** messaging.md §3.1: the body of a send. */
export const SEND_BODY_BYTES_MAX = 262_144;
/** messaging.md §1: UTF-8 bytes of compact JSON of `content` plus that of `metadata`. */
export const CONTENT_BYTES_MAX = 32_768;
/** messaging.md §3.1: deeper `data` or `metadata` is refused. */
export const JSON_DEPTH_MAX = 100;
export const CLIENT_MSG_ID_LENGTH_MAX = 128;
/** messaging.md §7: sends per fixed calendar second. */
export const SENDS_PER_SECOND = 60;
export const SYSTEM_SENDS_PER_SECOND = 200;
/** messaging.md §4.2: outstanding cold threads within a rolling day. */
export const COLD_OUTREACH_MAX = 100;
export const COLD_OUTREACH_WINDOW_MS = 86_400_000;
/** messaging.md §4.2: the header is sent only for waits that a client can sit out. */
export const COLD_RETRY_AFTER_HEADER_MS_MAX = 60_000;
/** messaging.md §6: `stored` envelopes of one recipient. */
export const BACKLOG_WARNING = 5_000;
export const BACKLOG_MAX = 10_000;
/** messaging.md §9. */
export const SYNC_PAGE_DEFAULT = 200;
export const SYNC_PAGE_MAX = 500;
/** messaging.md §8, §11. */
export const HISTORY_PAGE_DEFAULT = 50;
export const HISTORY_PAGE_MAX = 200;
export const CONVERSATIONS_PAGE_DEFAULT = 50;
export const CONVERSATIONS_PAGE_MAX = 100;
export const PREVIEW_LENGTH_MAX = 140;
/** messaging.md §2: mentions listed in a message's context. */
export const MENTIONS_MAX = 256;

/** conventions.md §7, §14: lengths in UTF-16 units. */
export const HANDLE_LENGTH_MIN = 3;
export const HANDLE_LENGTH_MAX = 30;
export const DISPLAY_NAME_LENGTH_MAX = 100;
export const DESCRIPTION_LENGTH_MAX = 500;
export const EMAIL_LENGTH_MAX = 254;
/** conventions.md §5. */
export const REQUEST_ID_LENGTH_MAX = 128;

/** conventions.md §8, §15: how long a key is held while its request runs, how long and up to which size an answer is kept. */
export const IDEMPOTENCY_HOLD_MS = 60_000;
export const IDEMPOTENCY_KEEP_MS = 86_400_000;
export const IDEMPOTENCY_BODY_BYTES_MAX = 65_536;

/** identity.md §1, conventions.md §10: verification codes. */
export const CODE_LENGTH = 6;
export const PENDING_LIFETIME_MS = 600_000;
export const CODE_ATTEMPTS_MAX = 5;
export const CODE_COOLDOWN_MS = 60_000;
export const CODES_PER_HOUR_MAX = 20;
export const CODES_HOUR_MS = 3_600_000;
/** identity.md §3 check 10: a worker must take the flow within this time. */
export const FLOW_ACCEPT_MS = 4_000;

/**
 * A request window of conventions.md §10. `fixed` is aligned to the epoch, `first` opens with its first hit, `rolling`
 * frees each slot a window after it was taken.
 */
export interface RateLimit {
  readonly limit: number;
  readonly windowMs: number;
  readonly window: 'fixed' | 'first' | 'rolling';
}

/** Per client address; with `isPerPath` per address and path. The names are the wire's `details.scope`. */
export const ADDRESS_LIMITS = {
  register: { limit: 5, windowMs: 3_600_000, window: 'fixed' },
  register_verify: { limit: 10, windowMs: 600_000, window: 'fixed' },
  recover: { limit: 3, windowMs: 3_600_000, window: 'fixed' },
  recover_verify: { limit: 10, windowMs: 600_000, window: 'fixed' },
  rotate_key: { limit: 3, windowMs: 3_600_000, window: 'fixed', isPerPath: true },
  rotate_key_verify: { limit: 10, windowMs: 600_000, window: 'fixed', isPerPath: true },
  directory: { limit: 30, windowMs: 60_000, window: 'fixed' },
  dashboard_otp: { limit: 5, windowMs: 3_600_000, window: 'fixed' },
  dashboard_verify: { limit: 10, windowMs: 600_000, window: 'fixed' },
  dashboard_refresh: { limit: 30, windowMs: 60_000, window: 'fixed' },
  dashboard_claim: { limit: 20, windowMs: 600_000, window: 'fixed' },
} as const satisfies Record<string, RateLimit & { isPerPath?: true }>;

/** Per agent. Those of sends are not here: they live in the guard documents that sends write. */
export const AGENT_LIMITS = {
  directory: { limit: 60, windowMs: 60_000, window: 'fixed' },
  directory_daily: { limit: 1_000, windowMs: 86_400_000, window: 'rolling' },
  group_invite: { limit: 50, windowMs: 86_400_000, window: 'first' },
  mute_write: { limit: 10, windowMs: 1_000, window: 'fixed' },
  avatar_write: { limit: 5, windowMs: 60_000, window: 'fixed' },
  /** webhooks.md §2.1. */
  webhook_create: { limit: 30, windowMs: 60_000, window: 'fixed' },
  /** webhooks.md §11.2; the second is ours: each is a flow. */
  webhook_redeliver: { limit: 60, windowMs: 60_000, window: 'first' },
  webhook_recover: { limit: 10, windowMs: 60_000, window: 'first' },
  /** webhooks.md §11.4. */
  webhook_test: { limit: 10, windowMs: 60_000, window: 'fixed' },
  /** realtime.md §8. */
  connect: { limit: 60, windowMs: 60_000, window: 'fixed' },
} as const satisfies Record<string, RateLimit>;

/** Per owner of the dashboard; the first is a safety net for all calls (dashboard.md §10). */
export const OWNER_LIMITS = {
  dashboard: { limit: 600, windowMs: 60_000, window: 'fixed' },
  /** Of agents' webhooks: as many as agents themselves have (webhooks.md §11.2, §11.4). */
  webhook_redeliver: { limit: 60, windowMs: 60_000, window: 'first' },
  webhook_recover: { limit: 10, windowMs: 60_000, window: 'first' },
  webhook_test: { limit: 10, windowMs: 60_000, window: 'fixed' },
} as const satisfies Record<string, RateLimit>;

/** dashboard.md §3.1, §3.4: sessions of owners. */
export const ACCESS_TOKEN_SECONDS = 3_600;
export const ACCESS_TOKEN_SKEW_SECONDS = 30;
export const REFRESH_TOKEN_SECONDS = 2_592_000;
export const REFRESH_GRACE_MS = 30_000;
export const REFRESH_WAIT_MS = 2_300;
/** dashboard.md §4.1, §10: claims of one agent that were refused because another owner holds it. */
export const CLAIMS_REFUSED: RateLimit = { limit: 5, windowMs: 600_000, window: 'fixed' };
export const USER_AGENT_LENGTH_MAX = 200;
/** "Any number of agents": what one list shows at most. */
export const CLAIMS_LISTED_MAX = 1_000;

/** Over the whole service. */
export const SERVICE_LIMITS = {
  ops_rotate: { limit: 10, windowMs: 3_600_000, window: 'fixed' },
} as const satisfies Record<string, RateLimit>;

/** social.md §5.1: counting blocks and reports that restrict or suspend. */
export const RESTRICTION_BLOCKS = 15;
export const RESTRICTION_WINDOW_HOURS = 24;
export const SUSPENSION_BLOCKS = 50;
export const SUSPENSION_REPORTS = 10;
export const SUSPENSION_WINDOW_DAYS = 7;

/** realtime.md §1.4, §4, §5.4–5.6, §6. */
export const HELLO_TIMEOUT_MS = 5_000;
export const DRAIN_BATCH = 200;
export const DRAIN_PAUSE_MS = 100;
export const DRAIN_ROWS_MAX = 10_000;
export const DRAIN_STALL_MS = 10_000;
export const DRAIN_HIGH_WATER_BYTES = 1_048_576;
export const SOCKET_BUFFER_BYTES_MAX = 4_194_304;
export const FRAME_BYTES_MAX = 65_536;
export const FRAME_BYTES_MAX_BEFORE_HELLO = 8_192;
export const UNAUTHENTICATED_SOCKETS_PER_ADDRESS = 50;
export const SOCKETS_PER_AGENT = 10;
/** What an operator may raise it to: each claim of a socket reads the agent's others. */
export const SOCKETS_PER_AGENT_MAX = 100;
export const CLIENT_VERSION_LENGTH_MAX = 64;
export const PRESENCE_FRAMES_PER_MINUTE = 30;
/** Of hellos on sockets that are open already: each has a key looked up. */
export const HELLO_FRAMES_PER_MINUTE = 30;
export const READ_ACK_FRAMES_PER_SECOND = 20;
/** Per conversation and type. */
export const TYPING_INTERVAL_MS = 2_000;
/** Of `error RATE_LIMITED`. */
export const ERROR_FRAME_INTERVAL_MS = 10_000;
/** realtime.md §3.5. */
export const WARNING_SHARE = 0.8;
export const WARNING_INTERVAL_MS = 60_000;
/** realtime.md §9: how late a socket may learn of a message when the bus is silent. */
export const PUMP_CHECK_MS = 5_000;

/** conventions.md §14, social.md §2.2, §4. */
export const CONTACT_NOTES_LENGTH_MAX = 1_000;
export const CONTACTS_PAGE_DEFAULT = 50;
export const CONTACTS_PAGE_MAX = 100;
export const REPORT_REASON_LENGTH_MAX = 1_000;

/** groups.md §1. */
export const GROUP_MEMBERS_MAX = 256;
export const GROUP_CREATE_HANDLES_MAX = 255;
export const GROUP_NAME_LENGTH_MAX = 100;
export const GROUP_SENDS_PER_SECOND = 20;

/** social.md §9. */
export const PRESENCE_MESSAGE_LENGTH_MAX = 200;
export const PRESENCE_BATCH_MAX = 100;
export const PRESENCE_EXPIRY_MS = 300_000;

/** identity.md §13, groups.md §5.4: pictures of agents and groups. */
export const AVATAR_BYTES_MAX = 5_242_880;
export const AVATAR_PIXELS_MAX = 25_165_824;
export const AVATAR_SIDE_MIN = 128;
export const AVATAR_SIDE = 512;
/** Of the WebP that is kept: the same everywhere, or the same image would not have the same key. */
export const AVATAR_QUALITY = 85;

/** messaging.md §12. */
export const ATTACHMENT_BYTES_MAX = 26_214_400;
export const FILENAME_LENGTH_MAX = 255;
export const UPLOAD_URL_SECONDS = 7_200;
export const DOWNLOAD_URL_SECONDS = 300;
/** messaging.md §15. */
export const RETENTION_MONTHS = 12;
/** messaging.md §12.6: how long attachments wait for their bytes (after the URL's end) and for a message. */
export const UNUPLOADED_KEEP_MS = 86_400_000;
export const UNREFERENCED_KEEP_MS = 604_800_000;
/** identity.md §14. */
export const DIRECTORY_QUERY_LENGTH_MIN = 2;
export const DIRECTORY_QUERY_LENGTH_MAX = 50;
export const DIRECTORY_PAGE_DEFAULT = 20;
export const DIRECTORY_PAGE_MAX = 50;
export const DIRECTORY_OFFSET_MAX = 10_000;
/** What operators read at a time. */
export const AUDIT_PAGE_DEFAULT = 50;
export const AUDIT_PAGE_MAX = 200;

export const DEAD_LETTERS_PAGE_DEFAULT = 50;
export const DEAD_LETTERS_PAGE_MAX = 100;
/** Operators reading rows of the outbox that fail. */
export const FAILED_ROWS_PAGE = { default: 50, min: 1, max: 100 } as const;

/** dashboard.md §5–§7: what owners see of their agents. */
export const OWNER_VIEW_CONVERSATIONS_DEFAULT = 50;
export const OWNER_VIEW_PAGE_DEFAULT = 100;
export const OWNER_VIEW_PAGE_MAX = 100;
export const OWNER_VIEW_MESSAGES_PAGE = 50;
export const OWNER_VIEW_EVENTS_DEFAULT = 50;
export const TICKET_SECONDS = 30;
/** Hints about one agent to one socket. */
export const OWNER_FEED_HINT_INTERVAL_MS = 500;
/** Open tabs of one owner over all nodes. */
export const DASHBOARD_SOCKETS_PER_OWNER = 100;

/** gateway.md §4.1: UTF-8 bytes of a user's message; with its metadata it must fit into a platform message. */
export const TURN_MESSAGE_BYTES_MAX = 24_576;
/** gateway.md §4.1: files with a message. */
export const TURN_FILES_MAX = 3;
export const TURN_FILE_BYTES_MAX = 5_242_880;
/** The largest files as base64, and a usual body beside them. */
export const TURN_BODY_BYTES_MAX = JSON_BODY_BYTES_MAX + TURN_FILES_MAX * 4 * Math.ceil(TURN_FILE_BYTES_MAX / 3);
export const TURN_PROMPT_LENGTH_MAX = 4_096;
export const TURN_MODEL_LENGTH_MAX = 100;
/** gateway.md §4.1, §10: for how long a caller waits for its answer. */
export const TURN_WAIT_SECONDS_DEFAULT = 120;
export const TURN_WAIT_SECONDS_MAX = 600;
/** gateway.md §10: a chat turn lives at least this long, whoever waits. */
export const TURN_LIFE_SECONDS = 900;
/** gateway.md §9.2: how long an agent that has taken a turn may say nothing of it, by channel. */
export const TURN_SILENCE_SECONDS = { task: 1_800, others: 300 } as const;
/** gateway.md §9.2: turns of one session, the one that is being answered included. */
export const TURNS_PER_SESSION_MAX = 4;
/** gateway.md §9.2: what a caller is told whose session is full. */
export const TURN_QUEUE_RETRY_MS = 30_000;
/** gateway.md §4.1, §5.2: a stream says something at least this often. */
export const STREAM_KEEP_ALIVE_MS = 15_000;
/** gateway.md §5.2: bytes of text in one record of a stream. */
export const STREAM_TEXT_BYTES_MAX = 2_048;
/** gateway.md §9.1: what lists show of a message. */
export const EXECUTION_PREVIEW_LENGTH_MAX = 500;
/** gateway.md §2, §5.3. */
export const KEY_NAME_LENGTH_MAX = 100;
export const CONVERSATION_TITLE_LENGTH_MAX = 200;
export const MARK_READ_IDS_MAX = 200;
/** gateway.md §4.3, §9.1. */
export const SESSIONS_PAGE = { default: 50, max: 200 } as const;
export const SESSION_MESSAGES_PAGE = { default: 100, max: 500 } as const;
export const EXECUTIONS_PAGE = { default: 50, max: 200 } as const;
export const EXECUTION_LOG_PAGE = { default: 500, max: 500 } as const;
/** gateway.md §9.2: turns of one agent over all sessions: at once, and waiting. */
export const AGENT_TURNS_MAX = 8;
/** As many its owner may set in its place. */
export const AGENT_TURNS_SETTABLE_MAX = 64;
export const AGENT_CHATS_WAITING_MAX = 50;
export const AGENT_TASKS_WAITING_MAX = 1_000;
/** gateway.md §9.4: how long a call with an `Idempotency-Key` finds its turn. */
export const TURN_RECEIPT_KEEP_MS = 86_400_000;
/** gateway.md §9.1, §9.2, §10: tasks. */
export const TASK_SECONDS_DEFAULT = 900;
export const TASK_SECONDS_MAX = 86_400;
export const TASK_ATTEMPTS_MAX = 5;
export const TASK_PRIORITY_DEFAULT = 5;
export const TASK_METADATA_BYTES_MAX = 2_048;
/** gateway.md §9.2: the shortest time in which an agent must have taken a try, and the pauses between tries. */
export const TASK_ATTEMPT_MS_MIN = 10_000;
export const TASK_RETRY_MS = 5_000;
export const TASK_RETRY_MS_MAX = 300_000;
/** gateway.md §4.4: hours that a summary looks back, and calls of tools that it lists. */
export const ACTIVITY_HOURS = { default: 24, max: 720 } as const;
export const ACTIVITY_ENTRIES_MAX = 200;
/** gateway.md §9.2: how long the events of a turn are kept once it has ended. */
export const TURN_EVENTS_KEEP_MS = 86_400_000;

/** gateway.md §6.3: what a paid chat may say, and how long its agent may take. */
export const PAID_MESSAGE_BYTES_MAX = 8_192;
export const PAID_TIMEOUT_SECONDS = { default: 120, min: 10, max: 600 } as const;
/** gateway.md §6.3: how much longer a payment is asked to be valid than its turn may take, and has to be. */
export const PAYMENT_SPARE_SECONDS = 60;
export const PAYMENT_SPARE_SECONDS_MIN = 30;
/** gateway.md §6.3: how long a caller waits for what became of its payment, and when it is to ask again. */
export const SETTLEMENT_WAIT_MS = 30_000;
export const PAYMENT_RETRY_MS = 5_000;
/** gateway.md §6.3: how long an answer that was not paid for is kept for its payer. */
export const WITHHELD_KEEP_MS = 86_400_000;
export const PAYMENTS_PAGE = { default: 50, max: 200 } as const;

/** gateway.md §8.3: what agents say of a turn. */
export const TURN_DELTA_BYTES_MAX = 8_192;
export const TURN_LABEL_LENGTH_MAX = 200;
export const TURN_TOOL_BYTES_MAX = 16_384;
export const TURN_EVENTS_PER_CALL_MAX = 100;
/** gateway.md §8.3: how long, and with how many frames behind it, a missing delta is waited for. */
export const TURN_GAP_MS_MAX = 2_000;
export const TURN_FRAMES_PENDING_MAX = 256;
/** gateway.md §8.3: deltas a second of one agent, and at once. */
export const TURN_FRAMES_PER_SECOND = 50;
export const TURN_FRAMES_BURST = 100;
/** gateway.md §8.4: UTF-8 bytes of an answer, and of each message that it is stored as. */
export const TURN_ANSWER_BYTES_MAX = 262_144;
export const TURN_PART_BYTES_MAX = 28_000;
export const AGENT_TURNS_PAGE = { default: 50, max: 200 } as const;

/** gateway.md §5.4: teams. */
export const TEAM_MEMBERS_MAX = 16;
export const TEAM_NAME_LENGTH_MAX = 100;
export const TEAM_DESCRIPTION_LENGTH_MAX = 500;
export const TEAM_ROLE_LENGTH_MAX = 200;
export const TEAM_ROUNDS_MAX = 5;
export const TEAM_MODE_ROUNDS = {
  parallel: { default: 1, max: 1 },
  brainstorm: { default: 1, max: 3 },
  sequential: { default: 1, max: 5 },
  debate: { default: 2, max: 5 },
} as const;
/** More than anybody has use for; a list shows all. */
export const TEAMS_PER_OWNER_MAX = 100;
/** gateway.md §5.4, §10: for how long the caller of a team waits. */
export const TEAM_WAIT_SECONDS_DEFAULT = 180;
/** gateway.md §5.4: what is kept back for the summary: a share of the time, and at most so much. */
export const TEAM_SUMMARY_RESERVE = { msMax: 30_000, share: 0.2 } as const;
/** gateway.md §5.4: UTF-8 bytes of all answers that a member is shown. */
export const TEAM_TRANSCRIPT_BYTES_MAX = 20_000;
/** What stands in a member's message besides its text and the transcript: ids, times and names of people and teams. */
export const TEAM_METADATA_BYTES_MAX = 2_560;
export const TEAM_HISTORY_PAGE = { default: 20, max: 200 } as const;

/** gateway.md §13: open streams of a caller, in each process. */
export const GATEWAY_STREAMS_MAX = 10;
/** gateway.md §13: windows of a caller of the gateway. */
export const GATEWAY_LIMITS = {
  turns: { limit: 60, windowMs: 60_000, window: 'fixed' },
  reads: { limit: 600, windowMs: 60_000, window: 'fixed' },
  team_turns: { limit: 10, windowMs: 60_000, window: 'fixed' },
  voice_starts: { limit: 20, windowMs: 3_600_000, window: 'fixed' },
  /** Turns with one agent, of all callers together. */
  agent_turns: { limit: 120, windowMs: 60_000, window: 'fixed' },
  /** gateway.md §1.2: first turns with agents of others. */
  first_contacts: { limit: 100, windowMs: 86_400_000, window: 'rolling' },
  /** Answers that ask an address for a payment. */
  unpaid: { limit: 30, windowMs: 60_000, window: 'fixed' },
} as const satisfies Record<string, RateLimit>;

/** gateway.md §6.1: share links of an agent. */
export const LINKS_PER_AGENT_MAX = 50;
export const LINK_NAME_LENGTH_MAX = 100;
export const LINK_WELCOME_LENGTH_MAX = 500;
/** gateway.md §6.1: random bytes of a link's token, and its characters that its owner is shown later. */
export const LINK_TOKEN_BYTES = 24;
export const LINK_TOKEN_PREFIX_LENGTH = 6;
/** gateway.md §6.2: UTF-8 bytes of a visitor's message, and how long a visitor waits for its answer. */
export const PUBLIC_MESSAGE_BYTES_MAX = 8_192;
export const PUBLIC_WAIT_SECONDS_DEFAULT = 120;
export const PUBLIC_WAIT_SECONDS_MAX = 300;
export const PUBLIC_HISTORY_MAX = 100;
/** gateway.md §6.2: random bytes of a visitor's session id, which is 22 characters long. */
export const VISITOR_SESSION_BYTES = 16;
/** gateway.md §6.2: how long a visitor stays known by a mailed code. */
export const VISITOR_TOKEN_HOURS = 24;
/** gateway.md §1.1: so many guests of one link that its agent blocked or reported within this time disable the link. */
export const LINK_COMPLAINTS_MAX = 3;
export const LINK_COMPLAINTS_WINDOW_MS = 86_400_000;

/** gateway.md §6.2: windows of the public chat. */
export const PUBLIC_LIMITS = {
  /** Per client address: calls that name a token, whatever it is worth. */
  lookups: { limit: 60, windowMs: 60_000, window: 'fixed' },
  /** Per client address. */
  messages: { limit: 30, windowMs: 60_000, window: 'fixed' },
  /** Per token. */
  link_messages: { limit: 60, windowMs: 60_000, window: 'fixed' },
  /** Per visitor. */
  session_messages: { limit: 10, windowMs: 60_000, window: 'fixed' },
  /** Per mail address. */
  codes: { limit: 3, windowMs: 600_000, window: 'fixed' },
} as const satisfies Record<string, RateLimit>;
