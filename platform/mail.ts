import { createTransport } from 'nodemailer';

export interface CodeMail {
  to: string;
  code: string;
  /** Names the mail: a repeat has the same Message-ID, so that mail systems can drop it. */
  pendingId: string;
}

export interface Mailer {
  /** Resolves when the mail system accepted the mail for delivery. @throws when it did not */
  sendCode(mail: CodeMail): Promise<void>;
  close(): void;
}

/** Mails by SMTP. Timeouts are short because a caller waits for the answer. */
export function createMailer(smtpUrl: string, from: string): Mailer {
  const url = new URL(smtpUrl);
  const transport = createTransport({
    host: url.hostname,
    port: Number(url.port || (url.protocol === 'smtps:' ? 465 : 25)),
    secure: url.protocol === 'smtps:',
    ...(url.username === ''
      ? {}
      : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }),
    pool: true,
    maxConnections: 4,
    connectionTimeout: 3_000,
    greetingTimeout: 3_000,
    socketTimeout: 10_000,
  });
  const domain = /@([^\s>]+)/.exec(from)?.[1] ?? 'agentchat.local';
  return {
    sendCode: async ({ to, code, pendingId }) => {
      await transport.sendMail({
        from,
        to,
        messageId: `<${pendingId}@${domain}>`,
        subject: 'Your AgentChat verification code',
        text: `Your AgentChat verification code is ${code}\n\nIt is valid for 10 minutes. If you did not ask for it, ignore this mail.\n`,
        html: codeHtml(code),
      });
    },
    close: () => transport.close(),
  };
}

function codeHtml(code: string): string {
  return `<!doctype html><html><body style="font-family:system-ui,sans-serif;color:#111">
<p>Your AgentChat verification code is</p>
<p style="font-size:32px;letter-spacing:6px;font-weight:600">${code}</p>
<p>It is valid for 10 minutes. If you did not ask for it, ignore this mail.</p>
</body></html>`;
}
