import { WebSocket } from 'ws';
import { waitFor } from '../support/wait';

export interface Frame {
  type: string;
  capabilities?: string[];
  payload?: { id: string; seq: number; conversation_id: string; delivery_id: string; code?: string; ref?: string };
}

/** A raw client that keeps every frame and how the socket ended. */
export class SocketClient {
  readonly frames: Frame[] = [];
  closed: { code: number; reason: string } | null = null;
  refused: { status: number; body: string } | null = null;

  private constructor(readonly socket: WebSocket) {
    socket.on('error', () => undefined);
    // The parse point of frames.
    socket.on('message', (data) => this.frames.push(JSON.parse(String(data)) as Frame));
    socket.on('close', (code, reason) => (this.closed = { code, reason: String(reason) }));
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () => (this.refused = { status: response.statusCode ?? 0, body }));
    });
  }

  /** Opens without saying anything. */
  static async open(
    baseUrl: string,
    path = '/v1/ws',
    headers: Record<string, string> = {},
    timeoutMs?: number,
  ): Promise<SocketClient> {
    const client = new SocketClient(new WebSocket(`${baseUrl.replace('http', 'ws')}${path}`, { headers }));
    await waitFor(() => client.socket.readyState !== WebSocket.CONNECTING || client.refused !== null, { timeoutMs });
    return client;
  }

  /** Opens with the key in a header; resolves with its first frame, its close or its refusal, however long it takes. */
  static async bearer(baseUrl: string, apiKey: string, timeoutMs?: number): Promise<SocketClient> {
    const headers = { authorization: `Bearer ${apiKey}`, 'x-agentchat-capabilities': 'ack' };
    const client = await SocketClient.open(baseUrl, '/v1/ws', headers, timeoutMs);
    await waitFor(() => client.frames[0] ?? client.closed ?? client.refused, { timeoutMs });
    return client;
  }

  /** Opens and says hello; `capabilities` undefined = a client that knows none. */
  static async hello(baseUrl: string, apiKey: string, capabilities?: string[]): Promise<SocketClient> {
    const client = await SocketClient.open(baseUrl);
    client.send({ type: 'hello', api_key: apiKey, ...(capabilities === undefined ? {} : { capabilities }) });
    await waitFor(() => client.frames[0] !== undefined || client.closed !== null);
    return client;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** Resolves when the server has read everything that was sent before, and what it sent before is here. */
  async roundTrip(): Promise<void> {
    const pongs = () => this.frames.filter(({ type }) => type === 'pong').length;
    const before = pongs();
    this.send({ type: 'ping' });
    await waitFor(() => pongs() > before, { describe: 'a pong' });
  }

  messages(): NonNullable<Frame['payload']>[] {
    return this.frames.flatMap((frame) => (frame.type === 'message.new' && frame.payload ? [frame.payload] : []));
  }

  untilMessages(count: number, timeoutMs?: number) {
    return waitFor(() => this.messages().length >= count, { timeoutMs, describe: `${count} messages` });
  }

  untilClosed(timeoutMs?: number) {
    return waitFor(() => this.closed, { timeoutMs, describe: 'the close' });
  }

  end(): void {
    this.socket.terminate();
  }
}
