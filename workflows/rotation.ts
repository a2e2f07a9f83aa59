import { closeOlderSockets } from './after-key-swap';
import { codeByMail } from './code-by-mail';
import { mailWhenAsked } from './mail-when-asked';
import type { CodeFlowInput, CodeFlowResult } from './messages/code-by-mail';

/** `POST /v1/agents/{handle}/rotate-key`: identity.md §11, §12. */
export function rotation(input: CodeFlowInput): Promise<CodeFlowResult> {
  return codeByMail(input, {
    ...mailWhenAsked,
    words: { committing: 'the API is replacing the key', verified: 'The key was replaced' },
    afterCommit: closeOlderSockets,
  });
}
