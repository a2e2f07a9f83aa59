import { ApplicationFailure } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import { isOutage } from '../store/schema/outage';

/**
 * Why an activity failed: it said so itself (`refused`, as its flow expects it), its run was called off, a dependency is
 * out of reach, or nobody foresaw it.
 */
export type FailureKind = 'refused' | 'called_off' | 'outage' | 'unexpected';

/** What is left of an error for a history. */
export interface MaskedFailure {
  kind: FailureKind;
  failure: Error;
}

/**
 * Masks what an activity threw: errors of the driver quote documents, others URLs or addresses, and histories are kept for
 * long and read by many. Only failures that an activity worded itself go on as they are. All that is masked is worth
 * another try: what is foreseen to be hopeless is said by a failure that cannot be retried.
 */
export function maskFailure(error: unknown): MaskedFailure {
  if (error instanceof ApplicationFailure) return { kind: 'refused', failure: error };
  // The end of a run: by its flow, by its time limit, or because its worker leaves.
  if (error instanceof TemporalFailure) return { kind: 'called_off', failure: error };
  if (isOutage(error)) {
    const failure = ApplicationFailure.retryable('the database is out of reach', 'SERVICE_UNAVAILABLE');
    return { kind: 'outage', failure };
  }
  const failure = ApplicationFailure.retryable(`unexpected: ${nameOf(error)}`, 'INTERNAL_ERROR');
  return { kind: 'unexpected', failure };
}

/** The class of an error and the server's number for it; both are words of code, never of a document. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'number' ? `${error.name} ${error.code}` : error.name;
}

/** A node that holds sockets has not confirmed an order in time. Its own check of its agents does it late, the next run sooner. */
export const nodeIsSilent = (): ApplicationFailure =>
  ApplicationFailure.retryable('a node has not confirmed', 'SERVICE_UNAVAILABLE');
