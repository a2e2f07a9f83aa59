import { createHash, randomUUID } from 'node:crypto';
import { call, type CallAnswer, type TestAgent } from './agents';

export interface File {
  bytes: Buffer;
  filename?: string;
  contentType?: string;
}

export const textFile = (text: string): File => ({ bytes: Buffer.from(text) });

/** What a reservation of `file` says of it. */
export function declared({ bytes, filename = 'note.txt', contentType = 'text/plain' }: File) {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { filename, content_type: contentType, size: bytes.length, sha256 };
}

/** Calls about attachments, as agents make them; URLs of the api are followed to the port where it listens. */
export function attachmentCalls(baseUrl: () => string) {
  const here = (url: string): string => {
    const { hostname, port, pathname, search } = new URL(url);
    return hostname === 'localhost' && port === '0' ? baseUrl() + pathname + search : url;
  };
  const reserve = (who: TestAgent, target: object, file: File): Promise<CallAnswer> =>
    call(baseUrl(), 'POST', '/v1/uploads', { key: who.apiKey, body: { ...target, ...declared(file) } });
  const put = (url: string, bytes: Buffer | ReadableStream, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(here(url), {
      method: 'PUT',
      body: Buffer.isBuffer(bytes) ? new Uint8Array(bytes) : bytes,
      headers,
      duplex: 'half',
    } as RequestInit);
  return {
    here,
    reserve,
    put,
    /** Reserves and uploads; returns the attachment's id. */
    upload: async (who: TestAgent, target: object, file: File): Promise<string> => {
      const reserved = await reserve(who, target, file);
      if (reserved.status !== 201) throw new Error(`no upload: ${reserved.status} ${reserved.text}`);
      const stored = await put(reserved.body.upload_url, file.bytes);
      if (stored.status !== 200) throw new Error(`no upload: ${stored.status} ${await stored.text()}`);
      return reserved.body.attachment_id;
    },
    /** The answer with its redirect not followed. */
    ask: (who: TestAgent, attachmentId: string): Promise<Response> =>
      fetch(`${baseUrl()}/v1/attachments/${attachmentId}`, {
        headers: { authorization: `Bearer ${who.apiKey}` },
        redirect: 'manual',
      }),
    download: (answer: Response): Promise<Response> => fetch(here(answer.headers.get('location') ?? '')),
    send: (who: TestAgent, target: object, attachmentId: string): Promise<CallAnswer> =>
      call(baseUrl(), 'POST', '/v1/messages', {
        key: who.apiKey,
        body: {
          ...target,
          client_msg_id: randomUUID(),
          type: 'file',
          content: { text: 'see this', attachment_id: attachmentId },
        },
      }),
  };
}

/** Status and code of an answer of ours. */
export async function outcome(response: Response): Promise<[number, string | undefined]> {
  const text = await response.text();
  return [response.status, text === '' ? undefined : (JSON.parse(text) as { code?: string }).code];
}
