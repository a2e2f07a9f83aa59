/** Budgets of mailed codes (identity.md §5, D-20). */

/** identity.md §5: wrong codes of one email that are compared in a day, over all purposes. */
export const WRONG_CODES_MAX = 30;
export const WRONG_CODES_WINDOW_MS = 86_400_000;
/** identity.md §5: what rotations, and sign-ins from a known device, keep for themselves: tries a day, mails an hour. */
export const OWN_WRONG_CODES_MAX = 10;
export const OWN_CODES_PER_HOUR = 4;
