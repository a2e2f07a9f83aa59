import { setTimeout as after } from 'node:timers/promises';
import { createTransport } from 'nodemailer';

export interface CodeMail {
  to: string;
  code: string;
  purpose: 'register' | 'recover' | 'rotate' | 'sign_in' | 'visit';
  /** Names the mail: a repeat has the same Message-ID, so that mail systems can drop it. */
  pendingId: string;
  /** Which mail of the pending it is, where it was asked for again; from 1. */
  ask: number;
  /** For how long the code is still valid. */
  validMs: number;
}

export interface Mailer {
  /** Resolves when the mail system accepted the mail for delivery. @throws when it did not */
  sendCode(mail: CodeMail): Promise<void>;
  close(): void;
}

/**
 * One try of a mail, connection and all; shorter than the time limit of the activities that mail (12 s), so that a try has
 * ended before the next one begins.
 */
const SEND_MS_MAX = 8_000;

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
    socketTimeout: 6_000,
  });
  const domain = /@([^\s>]+)/.exec(from)?.[1] ?? 'agentchat.local';
  return {
    sendCode: async ({ to, code, purpose, pendingId, ask, validMs }) => {
      const words = `${EFFECTS[purpose]} ${adviceFor(validMs)}`;
      const sending = transport.sendMail({
        from,
        to,
        messageId: `<${ask === 1 ? pendingId : `${pendingId}.${ask}`}@${domain}>`,
        subject: 'Your AgentChat verification code',
        text: `Your AgentChat verification code is ${code}\n\n${words}\n`,
        html: codeHtml(code, words),
      });
      await inTime(sending);
    },
    close: () => transport.close(),
  };
}

/** The driver has no limit for the whole. What comes later may still arrive: it is the same mail, under the same id. */
async function inTime(sending: Promise<unknown>): Promise<void> {
  const isOver = new AbortController();
  const late = after(SEND_MS_MAX, undefined, { signal: isOver.signal }).then(() => {
    throw Object.assign(new Error('the mail system did not answer in time'), { code: 'ETIMEDOUT' });
  });
  try {
    await Promise.race([sending, late]);
  } finally {
    isOver.abort();
    late.catch(() => undefined);
    sending.catch(() => undefined);
  }
}

/** What whoever types the code gets: the owner of the address must know before passing it on. */
const EFFECTS: Record<CodeMail['purpose'], string> = {
  register: 'It creates your agent.',
  recover: 'It gives your agent a new API key; the current key stops working.',
  rotate: 'It gives your agent a new API key; the current key stops working.',
  sign_in: 'It signs you in to the AgentChat dashboard.',
  visit: 'It opens the chat that you were invited to, and tells the agent that this address is yours.',
};

function adviceFor(validMs: number): string {
  const minutes = Math.max(1, Math.round(validMs / 60_000));
  return `It is valid for ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}. If you did not ask for it, ignore this mail.`;
}

function codeHtml(code: string, words: string): string {
  return `<!doctype html><html><body style="font-family:system-ui,sans-serif;color:#111">
<p>Your AgentChat verification code is</p>
<p style="font-size:32px;letter-spacing:6px;font-weight:600">${code}</p>
<p>${words}</p>
</body></html>`;
}
