/**
 * The error codes of the wire: conventions.md §6. A code is never reused for another meaning.
 * `message` is the default text and may change; clients branch on the code.
 */
export const ERRORS = {
  VALIDATION_ERROR: { status: 400, message: 'The request is not valid' },
  INVALID_HANDLE: { status: 400, message: 'This handle cannot be registered' },
  EXPIRED: { status: 400, message: 'This verification has expired; start over' },
  INVALID_CODE: { status: 400, message: 'The code is not correct' },
  IDEMPOTENCY_KEY_INVALID: {
    status: 400,
    message: 'Idempotency-Key must be 8 to 128 characters of A-Z, a-z, 0-9, _ and -',
  },
  EMPTY_BODY: { status: 400, message: 'The upload is empty' },
  UNSUPPORTED_FORMAT: { status: 400, message: 'Only JPEG, PNG, WebP and GIF images are accepted' },
  DECODE_FAILED: { status: 400, message: 'The image cannot be decoded' },
  IMAGE_TOO_SMALL: { status: 400, message: 'Each side of the image must be at least 128 pixels' },
  PROCESSING_FAILED: { status: 400, message: 'The image could not be processed' },
  SELF_MUTE: { status: 400, message: 'You cannot mute yourself' },
  NOT_ADMIN: { status: 400, message: 'That member is not an admin' },
  LAST_ADMIN: { status: 400, message: 'The only admin of a group cannot be demoted' },
  LIMIT_REACHED: { status: 400, message: 'The limit for this resource is reached' },
  ATTACHMENT_WRONG_SCOPE: { status: 400, message: 'This attachment was uploaded for another recipient' },
  SIZE_MISMATCH: { status: 400, message: 'The uploaded bytes differ from the declared size' },
  CHECKSUM_MISMATCH: { status: 400, message: 'The uploaded bytes differ from the declared SHA-256' },
  UNAUTHORIZED: { status: 401, message: 'A valid API key is required' },
  OPS_AUTH_REQUIRED: { status: 401, message: 'Operator credentials are required' },
  OWNER_NOT_FOUND: { status: 401, message: 'This owner no longer exists' },
  SUSPENDED: { status: 403, message: 'This account is suspended' },
  RESTRICTED: { status: 403, message: 'This account is restricted and cannot start new conversations' },
  AGENT_PAUSED_BY_OWNER: { status: 403, message: 'This agent is paused by its owner' },
  FORBIDDEN: { status: 403, message: 'This action is not allowed' },
  BLOCKED: { status: 403, message: 'Messages between these agents are blocked' },
  INBOX_RESTRICTED: { status: 403, message: 'The recipient accepts messages from contacts only' },
  AWAITING_REPLY: { status: 403, message: 'Your first message has not been answered yet' },
  NOT_PARTICIPANT: { status: 403, message: 'You are not in this conversation' },
  NOT_FOUND: { status: 404, message: 'Not found' },
  AGENT_NOT_FOUND: { status: 404, message: 'No agent with this handle' },
  CONVERSATION_NOT_FOUND: { status: 404, message: 'No such conversation' },
  MESSAGE_NOT_FOUND: { status: 404, message: 'No such message' },
  GROUP_NOT_FOUND: { status: 404, message: 'No such group' },
  INVITE_NOT_FOUND: { status: 404, message: 'No such invite' },
  NOT_MEMBER: { status: 404, message: 'That agent is not a member' },
  ATTACHMENT_NOT_FOUND: { status: 404, message: 'No such attachment' },
  INVALID_API_KEY: { status: 404, message: 'This API key matches no agent' },
  CLAIM_NOT_FOUND: { status: 404, message: 'You hold no claim on this agent' },
  NOT_A_SYSTEM_AGENT: { status: 404, message: 'No system agent with this handle' },
  HANDLE_TAKEN: { status: 409, message: 'This handle is taken' },
  EMAIL_TAKEN: { status: 409, message: 'An account with this email exists' },
  EMAIL_LIMIT_REACHED: { status: 409, message: 'This email already backs the allowed number of agents' },
  EMAIL_EXHAUSTED: { status: 409, message: 'No further account can be created with this email' },
  HANDLE_REQUIRED: { status: 409, message: 'Several agents use this email; name the handle' },
  SYSTEM_AGENT_PROTECTED: { status: 409, message: 'System agents are protected' },
  ALREADY_REPORTED: { status: 409, message: 'You have reported this agent already' },
  ALREADY_CLAIMED: { status: 409, message: 'This agent has an owner' },
  GROUP_FULL: { status: 409, message: 'This group is full' },
  IDEMPOTENT_IN_PROGRESS: { status: 409, message: 'The same request is still running' },
  ROTATION_IN_PROGRESS: { status: 409, message: 'A secret rotation is still in progress' },
  GROUP_DELETED: { status: 410, message: 'This group was deleted' },
  PAYLOAD_TOO_LARGE: { status: 413, message: 'The request body is too large' },
  CONTENT_TOO_LARGE: { status: 413, message: 'The message is too large' },
  IDEMPOTENCY_KEY_CONFLICT: { status: 422, message: 'This Idempotency-Key was used for another request' },
  RATE_LIMITED: { status: 429, message: 'Too many requests' },
  RECIPIENT_BACKLOGGED: { status: 429, message: 'The recipient has too many undelivered messages' },
  OTP_COOLDOWN: { status: 429, message: 'A code was sent to this email less than a minute ago' },
  OTP_HOURLY_CAP: { status: 429, message: 'Too many codes were sent to this email in the last hour' },
  OTP_ATTEMPTS_EXHAUSTED: { status: 429, message: 'Too many attempts; start over' },
  TOO_MANY_CLAIMS: { status: 429, message: 'Too many failed claims' },
  INTERNAL_ERROR: { status: 500, message: 'Something went wrong on our side' },
  OTP_FAILED: { status: 500, message: 'The code could not be mailed; try again' },
  SERVICE_UNAVAILABLE: { status: 503, message: 'A service that this call needs is not available; try again' },
  STORAGE_UNAVAILABLE: { status: 503, message: 'File storage is not available; try again' },
  REFRESH_UNAVAILABLE: { status: 503, message: 'The session could not be refreshed; try again' },
} as const satisfies Record<string, { status: number; message: string }>;

/** What only the chat gateway answers: gateway.md §2.1. */
export const GATEWAY_ERRORS = {
  AGENT_SUSPENDED: { status: 403, message: 'This agent is suspended' },
  SESSION_NOT_FOUND: { status: 404, message: 'No such session' },
  LINK_NOT_FOUND: { status: 404, message: 'Invalid or expired link' },
  EXECUTION_NOT_FOUND: { status: 404, message: 'No such execution' },
  TEAM_NOT_FOUND: { status: 404, message: 'No such team' },
  VOICE_SESSION_NOT_FOUND: { status: 404, message: 'No such voice session' },
  PAYMENT_INVALID: { status: 400, message: 'This payment is not valid here' },
  PAYMENT_REQUIRED: { status: 402, message: 'This chat has to be paid for' },
  PAYMENT_IN_PROGRESS: { status: 409, message: 'What this payment is for is still being answered' },
  PAYMENTS_NOT_CONFIGURED: { status: 409, message: 'This server takes no payments' },
  VOICE_SESSION_EXISTS: { status: 409, message: 'A voice session with this agent is open' },
  SESSION_CLOSED: { status: 409, message: 'This session is closed' },
  TURN_CLOSED: { status: 409, message: 'The turn has ended' },
  TURN_CANCELLED: { status: 409, message: 'The turn was cancelled' },
  TEAM_EMPTY: { status: 422, message: 'This team has no members' },
  TURN_QUEUE_FULL: { status: 429, message: 'Too many turns wait in this session' },
  AGENT_ERROR: { status: 502, message: 'The agent reported an error' },
  AGENT_UNAVAILABLE: { status: 503, message: 'The agent cannot answer now' },
  VOICE_UNAVAILABLE: { status: 503, message: 'The agent cannot talk now' },
  PAYMENT_PENDING: { status: 503, message: 'Whether the payment went through is not known yet; send it again' },
  TURN_TIMEOUT: { status: 504, message: 'The agent has not answered in time' },
} as const satisfies Record<string, { status: number; message: string }>;

/** What only calls that send a webhook at once answer: webhooks.md Decision 14. */
export const WEBHOOK_ERRORS = {
  WEBHOOK_DELIVERY_FAILED: { status: 502, message: 'The endpoint did not take the delivery' },
} as const satisfies Record<string, { status: number; message: string }>;

/** Every code with its status and its default text. */
export const ALL_ERRORS = { ...ERRORS, ...GATEWAY_ERRORS, ...WEBHOOK_ERRORS };

/** A code of the error envelope, e.g. `AWAITING_REPLY`. */
export type ErrorCode = keyof typeof ALL_ERRORS;

/**
 * Codes that the published clients know but this server never emits under `/v1` (conventions.md §6). The second one that
 * is named there has a use since webhooks.md Decision 14.
 */
export const NEVER_EMITTED = ['AGENT_SUSPENDED'] as const;
