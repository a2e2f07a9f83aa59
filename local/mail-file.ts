import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Mail } from './mailbox';

const mailShape = z.object({
  to: z.string(),
  subject: z.string(),
  text: z.string(),
  html: z.string(),
  received_at: z.string(),
  message_id: z.string(),
});

/** The mails on disk, one JSON text a line. */
export interface MailFile {
  /** What was there at the start, oldest first. */
  read(): Mail[];
  append(mail: Mail): Promise<void>;
}

/**
 * Opens the file, creates it if need be, and cuts it down to the latest `keptMax` mails. A line that a killed
 * process left half written is dropped. The file carries codes, so only its owner may read it.
 */
export async function createMailFile(path: string, keptMax: number): Promise<MailFile> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
  const mails = text.split('\n').flatMap(parseMail).slice(-keptMax);
  const fresh = `${path}.new`;
  await writeFile(fresh, mails.map((mail) => `${JSON.stringify(mail)}\n`).join(''), { mode: 0o600 });
  await rename(fresh, path);
  let lastWrite: Promise<void> = Promise.resolve();
  return {
    read: () => [...mails],
    append(mail) {
      lastWrite = lastWrite.catch(() => undefined).then(() => appendFile(path, `${JSON.stringify(mail)}\n`));
      return lastWrite;
    },
  };
}

function parseMail(line: string): Mail[] {
  if (line === '') return [];
  try {
    const parsed = mailShape.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
