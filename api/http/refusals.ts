import { AppError } from '../../contract/errors';
import { suspensionReason } from '../../domain/enforcement';
import type { Agent } from '../../store/schema/collections/agents';

/** What a suspended caller is told. */
export function suspended({ statusSource }: Pick<Agent, 'statusSource'>): AppError {
  return new AppError('SUSPENDED', { reason: suspensionReason(statusSource) });
}

/** What a browser or a user of the gateway without a valid session is told; its cookies stay, so that it can refresh once. */
export function signedOut(): AppError {
  return new AppError('UNAUTHORIZED', undefined, undefined, 'Sign in again');
}
