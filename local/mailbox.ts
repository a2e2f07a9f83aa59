import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { once } from 'node:events';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { createMailFile } from './mail-file';
import { renderMailPage } from './mail-page';
import { addressOf } from './ports';

const host = '127.0.0.1';
const mailBytesMax = 1024 * 1024;
const keptMailsMax = 500;

/** A received mail, as `GET /api/messages` lists it. */
export interface Mail {
  to: string;
  subject: string;
  text: string;
  html: string;
  received_at: string;
  message_id: string;
}

export interface MailboxOptions {
  /** 0 takes a free one. */
  smtpPort: number;
  /** Port of the page and the JSON list; undefined for none, 0 for a free one. */
  httpPort?: number;
  /** File that keeps the mails over restarts; undefined keeps them in memory. */
  file?: string;
  onMail?: (mail: Mail) => void;
}

/** A mail server that delivers nothing and shows everything. */
export interface Mailbox {
  smtpUrl: string;
  smtpPort: number;
  /** The page of the mailbox; undefined without `httpPort`. */
  url: string | undefined;
  /** What arrived for the address, or at all, newest first; at most the latest 500. */
  messages(to?: string): Mail[];
  /** From now on every mail is refused with this SMTP code (4xx: try again later, 5xx: never); `false` ends it. */
  refuse(refusal: boolean | number): void;
  close(): Promise<void>;
}

/** Opens the mailbox. Rejects when a port is in use or the file cannot be read. */
export async function createMailbox(options: MailboxOptions): Promise<Mailbox> {
  const file = options.file === undefined ? undefined : await createMailFile(options.file, keptMailsMax);
  const mails: Mail[] = file?.read() ?? [];
  let refusalCode: number | undefined;

  const receive = async (mail: Mail): Promise<void> => {
    mails.push(mail);
    if (mails.length > keptMailsMax) mails.shift();
    await file?.append(mail);
    options.onMail?.(mail);
  };
  const messages = (to?: string): Mail[] => {
    const wanted = to?.toLowerCase();
    return mails.filter((mail) => wanted === undefined || mail.to === wanted).reverse();
  };
  const smtp = await listenSmtp(options.smtpPort, () => refusalCode, receive);
  const page = options.httpPort === undefined ? undefined : await listenHttp(options.httpPort, messages);
  return {
    smtpUrl: `smtp://${host}:${smtp.port}`,
    smtpPort: smtp.port,
    url: page === undefined ? undefined : `http://localhost:${addressOf(page.address()).port}`,
    messages,
    refuse(refusal) {
      refusalCode = refusal === true ? 451 : refusal === false ? undefined : refusal;
    },
    async close() {
      await smtp.close();
      if (page !== undefined) await closeHttp(page);
    },
  };
}

/** The six digits of a verification mail; undefined when it carries none. */
export function codeIn(mail: Pick<Mail, 'text'>): string | undefined {
  return /(?<!\d)\d{6}(?!\d)/.exec(mail.text)?.[0];
}

async function listenSmtp(
  port: number,
  refusal: () => number | undefined,
  receive: (mail: Mail) => Promise<void>,
): Promise<{ port: number; close: () => Promise<void> }> {
  const refused = (): Error | undefined => {
    const responseCode = refusal();
    return responseCode === undefined
      ? undefined
      : Object.assign(new Error('The mailbox refuses mail'), { responseCode });
  };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    size: mailBytesMax,
    onMailFrom: (_address, _session, done) => done(refused()),
    onData(stream, session, done) {
      const recipients = session.envelope.rcptTo.map(({ address }) => address.toLowerCase());
      readMails(stream, recipients)
        .then(async (mails) => {
          for (const mail of mails) await receive(mail);
          done();
        })
        .catch((error: unknown) => done(error instanceof Error ? error : new Error('The mail cannot be read')));
    },
  });
  // A client that hangs up in the middle is its own affair.
  server.on('error', () => undefined);
  server.listen(port, host);
  await once(server.server, 'listening');
  return {
    port: addressOf(server.server.address()).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function readMails(stream: NodeJS.ReadableStream, recipients: readonly string[]): Promise<Mail[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  const parsed = await simpleParser(Buffer.concat(chunks));
  return recipients.map((to) => ({
    to,
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html: typeof parsed.html === 'string' ? parsed.html : '',
    received_at: new Date().toISOString(),
    message_id: parsed.messageId ?? '',
  }));
}

async function listenHttp(port: number, messages: (to?: string) => Mail[]): Promise<Server> {
  const server = createServer((request, response) => answer(request, response, messages));
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

function answer(request: IncomingMessage, response: ServerResponse, messages: (to?: string) => Mail[]): void {
  const url = new URL(request.url ?? '/', `http://${host}`);
  const isKnown = request.method === 'GET' && (url.pathname === '/' || url.pathname === '/api/messages');
  // Other pages of the browser must not read codes by resolving a name of their own to this machine.
  if (!isKnown || !/^(localhost|127\.0\.0\.1)(:\d+)?$/.test(request.headers.host ?? '')) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
    return;
  }
  const mails = messages(url.searchParams.get('to') ?? undefined);
  if (url.pathname === '/api/messages') {
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(mails));
    return;
  }
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'cache-control': 'no-store',
  });
  response.end(renderMailPage(mails));
}

async function closeHttp(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
