import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { CodeFlowStage, CodeFlowState } from '../domain/code-flow';
import type { CodeFlowInput } from './messages/code-by-mail';
import { AGENT_HANDLE, STAGE } from './messages/search-attributes';
import type { Plan } from './code-by-mail';

/** What the flow is for, as operators read it. */
export interface Words {
  /** While the api does it, e.g. "the API is creating the agent". */
  committing: string;
  /** When it is done, e.g. "The agent was created". */
  verified: string;
}

const MAIL: Record<CodeFlowState['mail'], string> = {
  not_yet: 'Code not mailed yet',
  held: 'The code is mailed when the cooldown of the address ends',
  sent: 'Code mailed',
  not_sent: 'No code was mailed',
};

function detailsOf({ stage, mail }: CodeFlowState, words: Words): string {
  const texts: Record<CodeFlowStage, string> = {
    starting: 'Waiting for the caller',
    mailing: 'Mailing the code',
    waiting_for_code: `${MAIL[mail]}; waiting up to 10 minutes for it`,
    committing: `Right code; ${words.committing}`,
    verified: words.verified,
    expired: 'No right code within 10 minutes',
    exhausted: 'Too many wrong codes',
    mail_failed: 'The mail system did not accept the code',
    refused: 'Too many codes to this address',
    abandoned: 'The caller had gone before the code was mailed',
    start_over: 'Right code, but what it was for did not happen; the caller starts over',
  };
  return texts[stage];
}

/**
 * Shows the state in the Temporal UI: a line of details, and search attributes by which operators find the flow. A
 * decoy carries none; it takes them away instead, so that both kinds cost the server the same steps.
 */
export function createStatus(
  input: CodeFlowInput,
  { words, isOfOwner }: Pick<Plan, 'words' | 'isOfOwner'>,
): (state: CodeFlowState) => void {
  const isDecoy = input.handle === null && isOfOwner !== true;
  let shown: CodeFlowStage | null = null;
  return (state) => {
    setCurrentDetails(detailsOf(state, words));
    if (!input.hasSearchAttributes || state.stage === shown) return;
    shown = state.stage;
    upsertSearchAttributes([
      { key: AGENT_HANDLE, value: input.handle },
      { key: STAGE, value: isDecoy ? null : state.stage },
    ]);
  };
}
