import { codeByMail } from './code-by-mail';
import { mailWhenAsked } from './mail-when-asked';
import type { CodeFlowInput, CodeFlowResult } from './messages/code-by-mail';

/** `POST /v1/register`: identity.md §3, §4. */
export function registration(input: CodeFlowInput): Promise<CodeFlowResult> {
  return codeByMail(input, {
    ...mailWhenAsked,
    words: { committing: 'the API is creating the agent', verified: 'The agent was created' },
  });
}
