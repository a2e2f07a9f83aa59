import { WebSocket } from 'ws';
import type { Database } from '../../store/schema/database';
import { SocketClient } from '../realtime/socket-client';
import { createTestAgent, type Parsed, type TestAgent } from './agents';
import { signInUser, type GatewayUser } from './gateway';
import { claim } from './owners';
import type { Stack } from './stack';
import { waitFor } from './wait';

/** One end of a talk: keeps what it hears, and how it ended. */
export class VoiceSocket {
  readonly frames: Parsed[] = [];
  /** Audio in either form. */
  readonly heard: Buffer[] = [];
  /** Forms in which audio came. */
  readonly forms = new Set<'text' | 'binary'>();
  closed: { code: number; reason: string } | null = null;

  private constructor(readonly socket: WebSocket) {
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary) => this.keep(data, isBinary));
    socket.on('close', (code, reason) => (this.closed = { code, reason: String(reason) }));
  }

  static async open(baseUrl: string, path: string, headers: Record<string, string> = {}): Promise<VoiceSocket> {
    const opened = new VoiceSocket(new WebSocket(baseUrl.replace('http', 'ws') + path, { headers }));
    await waitFor(() => opened.socket.readyState !== WebSocket.CONNECTING, { describe: 'a voice socket' });
    return opened;
  }

  private keep(data: Buffer, isBinary: boolean): void {
    if (isBinary) this.note(data, 'binary');
    else {
      // The parse point of frames.
      const frame = JSON.parse(String(data)) as Parsed;
      if (frame.type === 'audio') this.note(Buffer.from(frame.data, 'base64'), 'text');
      else this.frames.push(frame);
    }
  }

  private note(audio: Buffer, form: 'text' | 'binary'): void {
    this.heard.push(audio);
    this.forms.add(form);
  }

  /** Bytes are audio, everything else is a frame. */
  send(frame: object | Buffer): void {
    this.socket.send(Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  of(type: string): Parsed[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** The first frame that fits. */
  until(type: string, fields: object = {}): Promise<Parsed> {
    const fits = (frame: Parsed) => Object.entries(fields).every(([name, value]) => frame[name] === value);
    return waitFor(() => this.of(type).find(fits) as Parsed, {
      describe: `${type} ${JSON.stringify(fields)} among ${JSON.stringify(this.frames)}, closed ${JSON.stringify(this.closed)}`,
    });
  }

  untilHeard(count: number): Promise<unknown> {
    return waitFor(() => this.heard.length >= count, {
      describe: `${count} frames of audio, got ${this.heard.length}`,
    });
  }

  untilClosed(): Promise<{ code: number; reason: string }> {
    return waitFor(() => this.closed, { describe: 'the close' });
  }

  end(): void {
    this.socket.terminate();
  }
}

/** A user, and an agent of its own that can be called. */
export interface VoicePair {
  user: GatewayUser;
  agent: TestAgent;
  /** The agent's usual socket, which knows the gateway. */
  socket: SocketClient;
  path: string;
  /** Starts a talk. */
  start(body?: object, node?: number): Promise<Parsed>;
  /** The caller's socket, by the token of a start. */
  enter(started: Parsed, node?: number): Promise<VoiceSocket>;
  /** The caller's socket, by its access token. */
  comeBack(started: Parsed, node?: number): Promise<VoiceSocket>;
  /** The agent's socket, once it has said hello. */
  answer(started: Parsed, node?: number): Promise<VoiceSocket>;
}

/** Talks whose agent's usual socket is on the last api process of a stack. */
export async function voicePair(stack: Stack, database: Database): Promise<VoicePair> {
  const [user, agent] = await Promise.all([signInUser(stack), createTestAgent(database)]);
  await claim(user.owner, agent);
  const url = (node: number) => stack.baseUrls[node] ?? '';
  const path = `/api/agents/${agent.agent.handle}/voice`;
  const socket = await SocketClient.hello(url(stack.baseUrls.length - 1), agent.apiKey, ['ack', 'gateway']);
  await waitFor(() => database.connections.findOne({ agentId: agent.agent._id, gateway: { $exists: true } }));
  return {
    user,
    agent,
    socket,
    path,
    start: async (body = {}, node = 0) => {
      const started = await user.call('POST', `${path}/start`, { body, node });
      if (started.status !== 200) throw new Error(`not started: ${started.status} ${started.text}`);
      return started.body as Parsed;
    },
    enter: (started, node = 0) => VoiceSocket.open(url(node), `${started.websocket_url}&token=${started.ws_token}`),
    comeBack: (started, node = 0) =>
      VoiceSocket.open(url(node), started.websocket_url, { authorization: `Bearer ${user.owner.accessToken}` }),
    answer: async (started, node = 0) => {
      const answering = await VoiceSocket.open(url(node), '/v1/voice/ws');
      answering.send({ type: 'hello', api_key: agent.apiKey, voice_session_id: started.voice_session_id });
      await answering.until('ready');
      return answering;
    },
  };
}

/** Both sides of a new talk, the caller on the first node and the agent on another one if there is. */
export async function talk(
  pair: VoicePair,
  { body = {}, callerNode = 0, agentNode = 0 }: { body?: object; callerNode?: number; agentNode?: number } = {},
) {
  const started = await pair.start(body);
  const caller = await pair.enter(started, callerNode);
  const agent = await pair.answer(started, agentNode);
  await caller.until('status', { state: 'listening' });
  return { started, caller, agent };
}

/** 20 ms of the usual input. */
export const speech = (value: number, bytes = 640): Buffer => Buffer.alloc(bytes, value);
