import { shape, collection } from './collection';

/** The key recovery of one email (and handle, where one was named) that is asked for again within a minute. */
export interface Recovery {
  /** Hash of email and handle. */
  _id: string;
  pendingId: string;
  /** Until then asking again answers the same pending. */
  until: Date;
}

export const recoveries = collection<Recovery>({
  schema: shape({ _id: 'string', pendingId: 'string', until: 'date' }),
  // claimRecovery checks the time itself: background deletion may lag
  indexes: [{ name: 'until', key: { until: 1 }, expireAfterSeconds: 60 }],
});
