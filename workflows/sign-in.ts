import { codeByMail } from './code-by-mail';
import { mailWhenAsked } from './mail-when-asked';
import type { CodeFlowInput, CodeFlowResult } from './messages/code-by-mail';

/** `POST /dashboard/auth/otp/request`: dashboard.md §3.4. */
export function signIn(input: CodeFlowInput): Promise<CodeFlowResult> {
  return codeByMail(input, {
    ...mailWhenAsked,
    words: { committing: 'the API is signing the owner in', verified: 'The owner was signed in' },
    isOfOwner: true,
  });
}
