import { codeIn } from '../../local/mailbox';
import type { Database } from '../../store/schema/database';
import { emailKey } from '../../store/accounts/create-agent';
import { recoveryId } from '../../store/verification/recoveries';
import type { Stack } from './stack';
import { waitFor } from './wait';

/** The code of the latest mail to `email`, once `count` mails have come. */
export async function codeFor(stack: Stack, email: string, count = 1): Promise<string> {
  await waitFor(() => stack.mailbox.messages(email).length >= count, {
    describe: `${count} mails to ${email}`,
  });
  const [mail] = stack.mailbox.messages(email);
  const code = mail === undefined ? undefined : codeIn(mail);
  if (code === undefined) throw new Error(`the mail to ${email} carries no code`);
  return code;
}

/** Some other code. */
export const notCode = (code: string): string => (code === '000000' ? '000001' : '000000');

/** Lets the next code to `email` go out at once, and its next recovery ask for a mail. */
export async function clearCooldown(database: Database, email: string): Promise<void> {
  await database.codeCounters.updateOne({ _id: emailKey(email) }, { $set: { cooldownUntil: null } });
  await database.recoveries.updateOne({ _id: recoveryId(email) }, { $set: { coolsUntil: new Date(0) } });
}
