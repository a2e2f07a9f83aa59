import { OWN_WRONG_CODES_MAX, WRONG_CODES_MAX } from '../contract/code-limits';

/**
 * Whose mails and tries a code uses up (identity.md §5, D-20). Anybody can ask for a code to any address, so what anybody
 * uses up must not be what the agent with its key, or the owner on a signed-in device, depends on:
 *
 * - `anybody`: recovery, registration, sign-in from an unknown device, a visitor's proof. All share one budget per email.
 * - `agent:<id>`: rotations, which only the holder of that agent's key can ask for.
 * - `device`: sign-ins that were asked for on a device that holds a session of the same owner.
 */
export type CodeBudget = 'anybody' | 'device' | `agent:${string}`;

/** The budget that a pending of this kind uses up. */
export function budgetOf(of: { purpose: string; agentId: string | null; isKnownDevice?: boolean }): CodeBudget {
  if (of.purpose === 'rotate' && of.agentId !== null) return `agent:${of.agentId}`;
  return of.purpose === 'sign_in' && of.isKnownDevice === true ? 'device' : 'anybody';
}

/** How many wrong codes of this budget are compared in a day. */
export function wrongCodesMax(budget: CodeBudget): number {
  return budget === 'anybody' ? WRONG_CODES_MAX : OWN_WRONG_CODES_MAX;
}
