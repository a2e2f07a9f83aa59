import { codeByMail } from './code-by-mail';
import { mailWhenAsked } from './mail-when-asked';
import type { CodeFlowInput, CodeFlowResult } from './messages/code-by-mail';

/** `POST /api/public/verify/request`: gateway.md §6.2. */
export function visit(input: CodeFlowInput): Promise<CodeFlowResult> {
  return codeByMail(input, {
    ...mailWhenAsked,
    words: { committing: 'the API is letting the visitor in', verified: 'The visitor was let in' },
    isOfOwner: true,
  });
}
