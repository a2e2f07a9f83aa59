import { shape, collection } from './collection';

/** The one live key recovery of an email: asking again answers the same pending. */
export interface Recovery {
  /** Hash of the email. */
  _id: string;
  pendingId: string;
  /** When the pending's time is over. */
  until: Date;
  /** Until then asking again mails nothing. Absent = `until`, as it was when asking again was all that a row was for. */
  coolsUntil?: Date;
  /** How often a mail was asked for. Absent = once. */
  asks?: number;
  /** The pending stands in for one that was used or burned, for the rest of its minute. Absent = false. */
  isStandIn?: boolean;
  /** Counts every ask, so that two at once conflict. */
  v?: number;
}

export const recoveries = collection<Recovery>({
  schema: shape({ _id: 'string', pendingId: 'string', until: 'date' }),
  // claimRecovery checks the time itself: background deletion may lag
  indexes: [{ name: 'until', key: { until: 1 }, expireAfterSeconds: 60 }],
});
