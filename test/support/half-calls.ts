import { request } from 'node:http';
import { call, type Parsed } from './agents';

/** A call that the server has begun with, and whose body is not all there. */
export interface HalfCall {
  /** Sends the rest. */
  finish(): Promise<{ status: number; body: Parsed }>;
}

export interface WholeCall {
  method: string;
  path: string;
  key: string;
  body: Buffer;
  headers?: Readonly<Record<string, string>>;
}

/** Sends headers and half of the body, and waits until the server has looked the key up. */
export async function beginHalf(baseUrl: string, { method, path, key, body, headers }: WholeCall): Promise<HalfCall> {
  const outgoing = request(baseUrl + path, {
    method,
    agent: false,
    headers: { authorization: `Bearer ${key}`, 'content-length': body.length, ...headers },
  });
  const answer = answerOf(outgoing);
  const half = Math.floor(body.length / 2);
  await new Promise<void>((resolve) => outgoing.write(body.subarray(0, half), () => resolve()));
  // Look-ups are served in their order: behind the second one nothing of the first call's is still waiting.
  for (let looks = 0; looks < 2; looks += 1) await call(baseUrl, 'GET', '/v1/agents/me', { key });
  return {
    finish: () => {
      outgoing.end(body.subarray(half));
      return answer;
    },
  };
}

function answerOf(outgoing: ReturnType<typeof request>): Promise<{ status: number; body: Parsed }> {
  return new Promise((resolve, reject) => {
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.once('end', () => {
        // What the server does not read any more may fail: it has answered.
        outgoing.on('error', () => undefined);
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Parsed });
      });
    });
  });
}
