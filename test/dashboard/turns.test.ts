import { ApiError } from '../../dashboard/src/net/api';
import { SILENCE_MS, STREAMS_MAX, Turns } from '../../dashboard/src/net/turns';
import type { Saying } from '../../dashboard/src/net/gateway-calls';
import type { Turn } from '../../dashboard/src/model/turn';
import { waitFor } from '../support/wait';
import { execution } from './samples';

/** A stream that a test writes. */
class Script {
  private control: ReadableStreamDefaultController<Uint8Array> | undefined;
  private readonly body = new ReadableStream<Uint8Array>({ start: (control) => void (this.control = control) });
  isAborted = false;

  constructor(
    signal: AbortSignal,
    readonly executionId: string,
    readonly resumedFrom: string | null = null,
  ) {
    signal.addEventListener('abort', () => {
      if (!this.isAborted) this.break();
      this.isAborted = true;
    });
  }

  readonly response = (): Response =>
    new Response(this.body, { headers: { 'x-execution-id': this.executionId, 'x-session-id': 'ses_1' } });

  tell(id: number | null, data: object): void {
    this.write(`${id === null ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
  }
  write(text: string): void {
    this.control?.enqueue(new TextEncoder().encode(text));
  }
  close(): void {
    this.control?.close();
  }
  break(): void {
    try {
      this.control?.error(new TypeError('network'));
    } catch {
      // It has ended already.
    }
  }
}

/** The turns of a tab, with a server and a clock that the test holds. */
function rig() {
  const scripts: Script[] = [];
  const sayings: Saying[] = [];
  const timers = new Set<{ ms: number; work: () => void }>();
  const refusals: ApiError[] = [];
  const sessions: (string | null)[] = [];
  const open = (signal: AbortSignal, id: string, from: string | null = null): Promise<Response> => {
    const refusal = refusals.shift();
    if (refusal !== undefined) return Promise.reject(refusal);
    const script = new Script(signal, id, from);
    scripts.push(script);
    return Promise.resolve(script.response());
  };
  let keys = 0;
  const turns = new Turns({
    say: (saying, signal) => {
      sayings.push(saying);
      return open(signal, `exe_${sayings.length}`);
    },
    resumeTurn: (_handle, executionId, from, signal) => open(signal, executionId, from),
    schedule: (ms, work) => {
      const timer = { ms, work };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    nowIso: () => '2026-03-12T12:00:00.000Z',
    newKey: () => `key-${(keys += 1)}`,
    onSession: ({ sessionId }) => void sessions.push(sessionId),
  });
  const script = (index: number): Promise<Script> => waitFor(() => scripts[index], { timeoutMs: 5_000 });
  const fire = async (isDue: (ms: number) => boolean): Promise<number> => {
    const timer = await waitFor(() => [...timers].find(({ ms }) => isDue(ms)), { timeoutMs: 5_000, intervalMs: 1 });
    timers.delete(timer);
    timer.work();
    return timer.ms;
  };
  const until = (isSo: (turn: Turn | undefined) => boolean, index = 0): Promise<Turn> =>
    waitFor(() => (isSo(turns.list()[index]) ? turns.list()[index] : undefined), { timeoutMs: 5_000, intervalMs: 1 });
  return { turns, scripts, sayings, timers, refusals, sessions, script, fire, until };
}

const isRetry = (ms: number): boolean => ms < SILENCE_MS;
const isSilence = (ms: number): boolean => ms === SILENCE_MS;
const HERE = { handle: 'ada', sessionId: 'ses_1' };

describe('gateway §12.1: the turns that a page follows', () => {
  test('a turn is named by the headers of its stream, and ends with it', async () => {
    const { turns, script, until, sessions, timers } = rig();
    let told = 0;
    turns.subscribe(() => void (told += 1));
    turns.say({ handle: 'ada', sessionId: null }, 'Hi');
    const stream = await script(0);
    await until((turn) => turn?.executionId === 'exe_1' && turn.sessionId === 'ses_1' && turn.status === 'queued');
    expect(sessions).toEqual(['ses_1']);
    stream.tell(2, { type: 'text', content: 'Hello' });
    await until((turn) => turn?.text === 'Hello');
    stream.tell(3, { type: 'done', content: '' });
    stream.close();
    await until((turn) => turn?.status === 'completed');
    await waitFor(() => timers.size === 0);
    expect(told).toBeGreaterThan(3);
  });

  test('gateway#13: a stream that breaks off goes on behind its last number, again and again', async () => {
    const { turns, script, until, fire } = rig();
    turns.say(HERE, 'Hi');
    const first = await script(0);
    first.tell(2, { type: 'text', content: 'One ' });
    first.tell(null, { type: 'text', content: 'tw' });
    await until((turn) => turn?.text === 'One tw');
    first.break();
    await until((turn) => turn?.isBroken === true && turn.text === 'One ');
    expect(await fire(isRetry)).toBe(1_000);
    const second = await script(1);
    expect(second.resumedFrom).toBe('2');
    second.close();
    expect(await fire(isRetry)).toBe(2_000);
    const third = await script(2);
    third.tell(3, { type: 'text', content: 'two' });
    third.tell(4, { type: 'done' });
    expect((await until((turn) => turn?.status === 'completed')).text).toBe('One two');
  });

  test('a stream that is silent for too long is given up and resumed', async () => {
    const { turns, script, until, fire } = rig();
    turns.say(HERE, 'Hi');
    const first = await script(0);
    await until((turn) => turn?.status === 'queued');
    await fire(isSilence);
    await waitFor(() => first.isAborted);
    await fire(isRetry);
    (await script(1)).tell(1, { type: 'done' });
    await until((turn) => turn?.status === 'completed');
  });

  test('a turn that nobody waits for any longer is followed further', async () => {
    const { turns, script, until, fire } = rig();
    turns.say(HERE, 'Hi');
    const first = await script(0);
    first.tell(1, { type: 'status', status: 'queued' });
    first.tell(null, { type: 'error', code: 'TURN_TIMEOUT', content: 'No answer' });
    first.close();
    await until((turn) => turn?.isWaitOver === true && !turn.isBroken);
    await fire(isRetry);
    const second = await script(1);
    expect(second.resumedFrom).toBe('1');
    second.tell(2, { type: 'text', content: 'Late' });
    second.tell(3, { type: 'done' });
    expect((await until((turn) => turn?.status === 'completed')).text).toBe('Late');
  });

  test('what was refused is said again as something new, what may have arrived as the same', async () => {
    const { turns, sayings, refusals, until, script } = rig();
    refusals.push(new ApiError(503, 'AGENT_UNAVAILABLE', 'Paused'), new ApiError(0, 'NETWORK', 'Gone'));
    turns.say(HERE, 'Hi');
    const refused = await until((turn) => turn?.status === 'refused');
    expect(refused.problem).toEqual({ code: 'AGENT_UNAVAILABLE', message: 'Paused' });
    turns.say(HERE, 'Hi', refused);
    const lost = await until((turn) => turn?.problem?.code === 'NETWORK');
    turns.say(HERE, 'Hi', lost);
    await script(0);
    expect(sayings.map(({ key }) => key)).toEqual(['key-1', 'key-2', 'key-2']);
    expect(turns.list()).toHaveLength(1);
  });

  test('a turn that is not there any more is not asked for again', async () => {
    const { turns, refusals, script, until, fire, timers } = rig();
    turns.say(HERE, 'Hi');
    const first = await script(0);
    await until((turn) => turn?.status === 'queued');
    refusals.push(new ApiError(503, 'SERVICE_UNAVAILABLE', ''), new ApiError(404, 'EXECUTION_NOT_FOUND', 'Gone'));
    first.break();
    await fire(isRetry);
    expect(await fire(isRetry)).toBe(2_000);
    await until((turn) => turn?.status === 'failed' && turn.problem?.code === 'EXECUTION_NOT_FOUND');
    await waitFor(() => timers.size === 0);
  });

  test('streams leave connections to everything else: the oldest is let go, and resumed when looked at', async () => {
    const { turns, script, scripts, until } = rig();
    for (let index = 0; index <= STREAMS_MAX; index += 1) {
      turns.say({ handle: 'ada', sessionId: `ses_${index}` }, 'Hi');
      (await script(index)).tell(1, { type: 'text', content: 'One' });
      await until((turn) => turn?.text === 'One', index);
    }
    await waitFor(() => scripts[0]?.isAborted);
    expect(scripts.slice(1).map(({ isAborted }) => isAborted)).toEqual([false, false, false]);
    expect(turns.list().map(({ status }) => status)).toEqual(['running', 'running', 'running', 'running']);
    turns.watch('ada', execution({ id: 'exe_1', status: 'running' }));
    expect((await script(4)).resumedFrom).toBe('1');
    // Followed already.
    turns.watch('ada', execution({ id: 'exe_1', status: 'running' }));
    turns.watch('ada', execution({ id: 'exe_4', status: 'running' }));
    expect(scripts).toHaveLength(5);
  });

  test('a turn that another tab began is followed from its beginning', async () => {
    const { turns, script, until } = rig();
    turns.watch('ada', execution({ id: 'exe_7', status: 'queued', message: 'Elsewhere' }));
    const stream = await script(0);
    expect([stream.executionId, stream.resumedFrom]).toEqual(['exe_7', null]);
    expect(await until((turn) => turn?.executionId === 'exe_7')).toMatchObject({
      message: 'Elsewhere',
      status: 'queued',
    });
  });

  test('a page that is left follows nothing', async () => {
    const { turns, script, until, timers } = rig();
    turns.say(HERE, 'Hi');
    const first = await script(0);
    await until((turn) => turn?.status === 'queued');
    turns.end();
    await waitFor(() => first.isAborted && timers.size === 0);
    expect(turns.list()).toEqual([]);
  });
});
