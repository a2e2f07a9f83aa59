import type { CodeBudget } from '../../../domain/code-budgets';
import { DATE_OR_NULL, NUMBER, shape, STRING_OR_NULL, collection } from './collection';

/** identity.md §1: what a code was asked for. Holds the address so that no flow history has to. */
export interface Pending {
  _id: string;
  purpose: 'register' | 'recover' | 'rotate' | 'sign_in' | 'visit';
  email: string;
  agentId: string | null;
  handle: string | null;
  displayName: string | null;
  description: string | null;
  /** Of a visit: the share link. */
  linkId?: string;
  /** Of a recovery: false until a code was counted for it, and no code is right before. Absent = true. */
  hasCode?: boolean;
  /** Of a sign-in: asked for on a device that holds a session of the same owner. Absent = false. */
  isKnownDevice?: boolean;
  /** Which of SECRET_KEYS derives this pending's code. */
  keyId: string;
  createdAt: Date;
  expiresAt: Date;
}

/** Cooldown and hourly count of codes to one email, shared by every purpose. `_id` = hash of the email. */
export interface CodeCounter {
  _id: string;
  cooldownUntil: Date | null;
  hourStartedAt: Date;
  sentInHour: number;
  /** Pending ids whose code was counted in this hour, newest last: makes take and give-back idempotent. */
  takenBy: string[];
  /** How many of them each budget took that keeps mails for itself. Absent = none. */
  own?: Record<string, number>;
  expiresAt: Date;
}

/** The wrong codes of one email in the last day, over all purposes (identity.md §5). `_id` = hash of the email. */
export interface WrongCodes {
  _id: string;
  /** Oldest first; as many as the budgets allow together. */
  tries: { id: string; budget: CodeBudget; at: Date }[];
  expiresAt: Date;
}

/** A request window, by the database's clock. `_id` = `<scope>:<subject>`. */
export interface RateWindow {
  _id: string;
  /** Hits of the window, the last one included even when it was one too many. */
  count: number;
  /** Of a rolling window: when its hits were, oldest first, at most as many as its limit. */
  hits?: Date[];
  /** The last hit. */
  at: Date;
  endsAt: Date;
}

export const pendings = collection<Pending>({
  schema: shape({
    _id: 'string',
    purpose: 'string',
    email: 'string',
    agentId: STRING_OR_NULL,
    handle: STRING_OR_NULL,
    displayName: STRING_OR_NULL,
    description: STRING_OR_NULL,
    keyId: 'string',
    createdAt: 'date',
    expiresAt: 'date',
  }),
  // readers check expiresAt themselves: background deletion may lag a minute
  indexes: [
    { name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 },
    // findLastSignIn: the newest of an address
    {
      name: 'sign_in_email',
      key: { email: 1, createdAt: -1 },
      partialFilterExpression: { purpose: 'sign_in' },
    },
    // findLastVisit: the newest of an address at a share link
    {
      name: 'visit_email',
      key: { linkId: 1, email: 1, createdAt: -1 },
      partialFilterExpression: { purpose: 'visit' },
    },
    // burnPendings: those of a deleted account
    { name: 'agent', key: { agentId: 1 }, partialFilterExpression: { agentId: { $type: 'string' } } },
  ],
});

export const codeCounters = collection<CodeCounter>({
  schema: shape({
    _id: 'string',
    cooldownUntil: DATE_OR_NULL,
    hourStartedAt: 'date',
    sentInHour: NUMBER,
    takenBy: 'array',
    expiresAt: 'date',
  }),
  indexes: [{ name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 }],
});

export const wrongCodes = collection<WrongCodes>({
  schema: shape({ _id: 'string', tries: 'array', expiresAt: 'date' }),
  // takeTry looks at the time of each try itself: background deletion may lag
  indexes: [{ name: 'expires_at', key: { expiresAt: 1 }, expireAfterSeconds: 60 }],
});

export const rateWindows = collection<RateWindow>({
  schema: shape({ _id: 'string', count: NUMBER, at: 'date', endsAt: 'date' }),
  // every hit decides by the window's end itself: background deletion may lag
  indexes: [{ name: 'ends_at', key: { endsAt: 1 }, expireAfterSeconds: 60 }],
});
