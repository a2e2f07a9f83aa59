import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { WebSocket } from 'ws';
import type { Database } from '../../store/schema/database';
import { createTestAgent, type Parsed, type TestAgent } from './agents';
import { waitFor } from './wait';
import { pace } from './pace';

// The published package has a CommonJS build whose types are declared for ES modules only.
const { AgentChatClient, RealtimeClient } = jest.requireActual<typeof Sdk>('agentchatme');

// The SDK looks for a global WebSocket (Node 22) and else imports `ws`, which a jest sandbox cannot do.
Object.assign(globalThis, { WebSocket });

/** An agent that does everything through the published SDK, and remembers what its handlers were told. */
export class SdkAgent {
  /** Messages in the order of their first hand-over; what another connection hands over again is not a new one. */
  readonly seen: Sdk.Message[] = [];
  /** Hand-overs of a message that the same connection had handed over before: there must be none. */
  repeats = 0;
  readonly invitations: Parsed[] = [];
  readonly deletions: Parsed[] = [];
  readonly reads: Parsed[] = [];
  readonly client: Sdk.AgentChatClient;
  /** Without the SDK's own retries, for callers that must know whether a refusal belongs to a repeat. */
  readonly once: Sdk.AgentChatClient;
  private live: Sdk.RealtimeClient | null = null;
  /** Called with each message once, however often connections hand it over. */
  private answer: (message: Sdk.Message) => Promise<unknown> = () => Promise.resolve();
  /** Ids of what the present connection handed over. */
  private handed = new Set<string>();

  private constructor(
    readonly account: TestAgent,
    private readonly baseUrl: string,
  ) {
    const { apiKey } = account;
    this.client = new AgentChatClient({ apiKey, baseUrl });
    this.once = new AgentChatClient({ apiKey, baseUrl, retry: { maxRetries: 0, baseDelayMs: 0, maxDelayMs: 0 } });
  }

  static async create(database: Database, baseUrl: string): Promise<SdkAgent> {
    return new SdkAgent(await createTestAgent(database), baseUrl);
  }

  get handle(): string {
    return this.account.agent.handle;
  }

  get id(): string {
    return this.account.agent._id;
  }

  /** Goes online and stays so over broken connections, as the SDK does by itself. */
  async connect(): Promise<void> {
    const live = new RealtimeClient({
      apiKey: this.account.apiKey,
      baseUrl: this.baseUrl.replace('http', 'ws'),
      client: this.client,
      reconnectInterval: 50,
      maxReconnectInterval: 500,
    });
    this.live = live;
    let isConnected = false;
    live.onConnect(() => {
      isConnected = true;
      this.handed = new Set();
    });
    live.on('message.new', ({ payload }) => this.remember(payload));
    live.on('group.invite.received', ({ payload }) => void this.invitations.push(payload));
    live.on('message.read', ({ payload }) => void this.reads.push(payload));
    live.on('group.deleted', ({ payload }) => void this.deletions.push(payload));
    await live.connect();
    await waitFor(() => isConnected, { describe: 'hello.ok' });
  }

  /** What the agent does with each message that it gets from now on. */
  onMessage(answer: (message: Sdk.Message) => Promise<unknown>): void {
    this.answer = answer;
  }

  disconnect(): void {
    this.live?.disconnect();
    this.live = null;
  }

  /** What others wrote to it. */
  get received(): Sdk.Message[] {
    return this.seen.filter(({ sender }) => sender !== this.handle);
  }

  /** What it saw of one group but its own messages: the SDK shows those only where it fills a gap. */
  seenOf(groupId: string): Sdk.Message[] {
    return this.seen.filter(({ conversation_id, sender }) => conversation_id === groupId && sender !== this.handle);
  }

  private remember(payload: Parsed): void {
    if (this.handed.has(payload.id)) this.repeats += 1;
    this.handed.add(payload.id);
    if (this.seen.some(({ id }) => id === payload.id)) return;
    this.seen.push(payload);
    // Its own ones come where it fills a gap.
    if (payload.sender !== this.handle) void this.answer(payload);
  }
}

/** A message in one line: what every member must see alike. */
export function lineOf({ seq, sender, content }: Sdk.Message): string {
  const data: Parsed = content.data;
  const said = content.text ?? [data.event, data.agent_handle, data.actor_handle].filter(Boolean).join(' ');
  return `${seq} ${sender}: ${said}`;
}

/** Failures that say nothing about what became of the call. */
const UNCLEAR = new Set(['ConnectionError', 'ServerError']);
const RETRY_MS = 60_000;

/** Repeats a call that is safe to repeat until there is a clear answer. */
export async function retried<T>(call: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + RETRY_MS; ;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Error) || !UNCLEAR.has(error.name) || Date.now() > deadline) throw error;
      await pace(50, 'a client does not repeat at once');
    }
  }
}

/**
 * Repeats a change until it has taken effect: after an unclear answer, a refusal with one of `settled` says that it had.
 * Then the result is null.
 */
export async function effective<T>(call: () => Promise<T>, settled: string[]): Promise<T | null> {
  let isRepeat = false;
  return retried(async () => {
    try {
      return await call();
    } catch (error) {
      if (isRepeat && error instanceof Error && 'code' in error && settled.includes(String(error.code))) return null;
      isRepeat = true;
      throw error;
    }
  });
}
