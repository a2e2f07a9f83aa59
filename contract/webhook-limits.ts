/** Numbers of webhooks and their deliveries; rate limits of their calls stand in limits.ts. Import-free. */

/** webhooks.md §1–3. */
export const WEBHOOKS_MAX = 5;
export const WEBHOOK_URL_LENGTH_MAX = 2_048;
export const WEBHOOK_SECRET_LENGTH_MIN = 24;
export const WEBHOOK_SECRET_LENGTH_MAX = 255;
/** webhooks.md §8: how long deliveries that ended are kept. */
export const DELIVERY_KEEP_MS = 2_592_000_000;
/** webhooks.md G7: attempts of one webhook at the same time. */
export const WEBHOOK_ATTEMPTS_AT_ONCE = 10;

/** webhooks.md §11.3: how long a secret that was replaced still signs beside the new one. */
export const WEBHOOK_OVERLAP_SECONDS_DEFAULT = 86_400;
export const WEBHOOK_OVERLAP_SECONDS_MAX = 604_800;
/** webhooks.md §11.3: last characters of a secret that are shown, so that it is known which one it is. */
export const WEBHOOK_SECRET_HINT_LENGTH = 4;
/** webhooks.md §11.4. */
export const WEBHOOK_DESCRIPTION_LENGTH_MAX = 256;
/** webhooks.md §11.7: values of one condition of a filter, and requests a second that an endpoint can be held to. */
export const WEBHOOK_FILTER_VALUES_MAX = 100;
export const WEBHOOK_RATE_LIMIT_MAX = 100;
/** webhooks.md §11.7: messages of one batch, and beyond how many characters they wait for the next; one goes always. */
export const WEBHOOK_BATCH_EVENTS_MAX = 100;
export const WEBHOOK_BATCH_LENGTH_MAX = 1_000_000;
