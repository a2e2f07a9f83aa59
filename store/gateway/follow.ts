import type { ChangeStreamInsertDocument } from 'mongodb';
import type { Logger } from '../../platform/logger';
import { followChanges, type FollowedChanges } from '../schema/change-stream';
import type { GatewayEvent } from '../schema/collections/gateway';
import type { Database } from '../schema/database';

/** Wakes those who wait for events of turns, whichever process wrote them. A hint: they read the stored events. */
export interface TurnFollower {
  /**
   * Calls `wake` when there may be events of the turn that were not there before.
   * @returns ends it
   */
  follow(executionId: string, wake: () => void): () => void;
  /** False while nothing is heard of other processes. */
  isOpen(): boolean;
  /** This process has just written events of the turn. */
  note(executionId: string): void;
  close(): Promise<void>;
}

/**
 * One change stream for all who wait in this process, opened with the first of them. While it is broken they poll by
 * themselves, as they do anyway.
 */
export function createTurnFollower({ database, log }: { database: Database; log: Logger }): TurnFollower {
  const waiting = new Map<string, Set<() => void>>();
  let changes: FollowedChanges | null = null;
  const note = (executionId: string): void => {
    for (const wake of waiting.get(executionId) ?? []) wake();
  };
  const open = (): FollowedChanges => {
    const stage = [{ $match: { operationType: 'insert' } }, { $project: { 'fullDocument.executionId': 1 } }];
    return followChanges(
      () => database.gatewayEvents.watch<GatewayEvent, ChangeStreamInsertDocument<GatewayEvent>>(stage),
      {
        onOpened: () => [...waiting.keys()].forEach(note),
        onChange: ({ fullDocument }) => note(fullDocument.executionId),
        onBroken: (error) => log.warn({ event: 'turns.stream_broken', err: error }),
      },
    );
  };
  return {
    follow: (executionId, wake) => {
      changes ??= open();
      const wakes = waiting.get(executionId) ?? new Set();
      waiting.set(executionId, wakes.add(wake));
      return () => {
        wakes.delete(wake);
        if (wakes.size === 0 && waiting.get(executionId) === wakes) waiting.delete(executionId);
      };
    },
    isOpen: () => changes?.isOpen() ?? false,
    note,
    close: async () => {
      await changes?.close();
    },
  };
}
