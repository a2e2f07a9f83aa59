import fc from 'fast-check';
import { refuseChat, type ChatAccess } from '../../domain/gateway-access';
import { beginningOf, partsOf, piecesOf } from '../../domain/cuts';
import {
  correlateReply,
  isSilent,
  readMarks,
  responseOf,
  type ReplyMarks,
  type TurnOfSession,
  type TurnSigns,
} from '../../domain/turns';

const NO_MARKS: ReplyMarks = { replyTo: null, executionId: null, isFinal: true, isContinuation: false, error: null };
const marked = (marks: Partial<ReplyMarks>): ReplyMarks => ({ ...NO_MARKS, ...marks });
const turn = (name: string, change: Partial<TurnOfSession> = {}): TurnOfSession => ({
  executionId: `exe_${name}`,
  status: 'running',
  messageId: `msg_${name}`,
  ...change,
});

describe('which turn a message of the agent belongs to (gateway.md §8.2)', () => {
  const [a, b] = [turn('a'), turn('b')];

  test('R1: the message or the execution that it names is the turn, whatever stands before it', () => {
    const completed = { kind: 'completes', executionId: 'exe_b' };
    expect(correlateReply(marked({ replyTo: 'msg_b' }), [a, b])).toEqual(completed);
    expect(correlateReply(marked({ executionId: 'exe_b' }), [a, b])).toEqual(completed);
    expect(correlateReply(marked({ replyTo: 'msg_b', executionId: 'exe_b' }), [a, b])).toEqual(completed);
  });

  test('R1: a turn that was named before its hand-over was written down is completed all the same', () => {
    const waiting = turn('w', { status: 'queued', messageId: null });
    const effect = correlateReply(marked({ executionId: 'exe_w' }), [a, waiting]);
    expect(effect).toEqual({ kind: 'completes', executionId: 'exe_w' });
  });

  test('R2: an unmarked message completes the oldest open turn that the agent has', () => {
    const ended = turn('e', { status: 'completed' });
    const waiting = turn('w', { status: 'queued', messageId: null });
    const queued = turn('q', { status: 'queued' });
    expect(correlateReply(NO_MARKS, [ended, waiting, a, b])).toEqual({ kind: 'completes', executionId: 'exe_a' });
    expect(correlateReply(NO_MARKS, [queued, a])).toEqual({ kind: 'completes', executionId: 'exe_q' });
  });

  test.each(['completed', 'failed', 'cancelled'] as const)('R4: what names a %s turn is late', (status) => {
    const ended = turn('e', { status });
    for (const marks of [{ replyTo: 'msg_e' }, { executionId: 'exe_e' }]) {
      expect(correlateReply(marked(marks), [ended, a])).toEqual({ kind: 'late', executionId: 'exe_e' });
      const failing = marked({ ...marks, error: { code: 'x', message: 'x', isRetryable: false } });
      expect(correlateReply(failing, [ended, a])).toEqual({ kind: 'late', executionId: 'exe_e' });
    }
  });

  test('R4: what names an unknown turn, or that of another guest, completes no open one', () => {
    expect(correlateReply(marked({ replyTo: 'msg_of_another' }), [a, b])).toEqual({ kind: 'unsolicited' });
    expect(correlateReply(marked({ executionId: 'exe_of_another' }), [a, b])).toEqual({ kind: 'unsolicited' });
  });

  test('R2: an answer to an earlier try of a task completes it, marked or not', () => {
    const retried = turn('t', { status: 'queued', messageId: null, earlierMessageIds: ['msg_first', 'msg_second'] });
    for (const marks of [NO_MARKS, marked({ replyTo: 'msg_first' }), marked({ replyTo: 'msg_second' })]) {
      expect(correlateReply(marks, [retried])).toEqual({ kind: 'completes', executionId: 'exe_t' });
    }
  });

  test('R5: without an open turn that the agent has, a message is unsolicited', () => {
    const turns = [turn('e', { status: 'failed' }), turn('w', { status: 'queued', messageId: null })];
    expect(correlateReply(NO_MARKS, [])).toEqual({ kind: 'unsolicited' });
    expect(correlateReply(NO_MARKS, turns)).toEqual({ kind: 'unsolicited' });
  });

  test('`final: false` leaves the turn open, an error fails it, with either mark or none', () => {
    const error = { code: 'no_tool', message: 'The tool is gone', isRetryable: false };
    for (const marks of [{}, { replyTo: 'msg_a' }, { executionId: 'exe_a' }]) {
      const interim = correlateReply(marked({ ...marks, isFinal: false }), [a]);
      expect(interim).toEqual({ kind: 'continues', executionId: 'exe_a' });
      const failing = correlateReply(marked({ ...marks, error }), [a]);
      expect(failing).toEqual({ kind: 'fails', executionId: 'exe_a', error });
    }
  });
});

describe('the marks of a message', () => {
  test('every mark that is as described is read', () => {
    const error = { code: 'quota', message: 'No more today', retryable: true };
    const metadata = { reply_to: 'msg_1', gateway: { execution_id: 'exe_1', final: false, error } };
    expect(readMarks(metadata)).toEqual({
      replyTo: 'msg_1',
      executionId: 'exe_1',
      isFinal: false,
      isContinuation: false,
      error: { code: 'quota', message: 'No more today', isRetryable: true },
    });
  });

  test.each([[], [1], 7, 0, null, true, 'text', '', [{ execution_id: 'exe_1' }], {}, undefined])(
    'where an object or a text is due, %j counts as absent',
    (hostile) => {
      const mark = typeof hostile === 'string' && hostile !== '' ? null : hostile;
      expect(readMarks({ reply_to: mark, gateway: { execution_id: mark } })).toEqual(NO_MARKS);
      expect(readMarks({ gateway: hostile })).toEqual(NO_MARKS);
      expect(readMarks({ gateway: { final: hostile } })).toEqual(NO_MARKS);
    },
  );

  // Clients that write every field write `error: null` with each answer.
  test.each([null, [], ['code'], 'failed', 7, false, true])('an error that is %j fails no turn', (error) => {
    expect(readMarks({ gateway: { error } })).toEqual(NO_MARKS);
  });

  test.each([{}, { code: 7, message: [], retryable: 'yes' }, { code: null, message: { text: 'x' } }])(
    'an error object fails the turn even when it says as little as %j',
    (error) => {
      expect(readMarks({ gateway: { error } }).error).toEqual({ code: 'error', message: '', isRetryable: false });
    },
  );

  test('code and text of an error are kept up to a length', () => {
    const { error } = readMarks({ gateway: { error: { code: 'c'.repeat(500), message: 'm'.repeat(5_000) } } });
    expect([error?.code.length, error?.message.length]).toEqual([100, 1_000]);
  });

  test('what is shortened never ends in half a character', () => {
    expect(beginningOf('ab🙂', 3)).toBe('ab');
    expect(beginningOf('ab🙂', 4)).toBe('ab🙂');
    expect(beginningOf('ab🙂c', 4)).toBe('ab🙂');
    const { error } = readMarks({ gateway: { error: { code: `${'c'.repeat(99)}🙂`, message: 'm' } } });
    expect(error?.code).toBe('c'.repeat(99));
  });

  test('no JSON at all makes the reading fail, or a mark that is no text', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('reply_to', 'gateway', '__proto__'), fc.jsonValue()), (metadata) => {
        const { replyTo, executionId, isFinal, error } = readMarks(metadata);
        for (const text of [replyTo, executionId, error?.code ?? null]) {
          expect(text === null || (typeof text === 'string' && text !== '')).toBe(true);
        }
        expect([typeof isFinal, error === null || typeof error.message === 'string']).toEqual(['boolean', true]);
      }),
    );
  });
});

describe('what a user reads of a message', () => {
  test.each([
    [{ text: 'Hello' }, 'Hello'],
    [{ text: 'Hello', data: { a: 1 } }, 'Hello'],
    [{ data: { a: [1, 'two'] } }, '{"a":[1,"two"]}'],
    [{ text: 7, data: null }, 'null'],
    [{ text: null }, ''],
    [{}, ''],
  ])('%j reads %j', (content, read) => {
    expect(responseOf(content)).toBe(read);
  });
});

describe('the pieces of a text', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    // Any code units, lone surrogates too.
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 300 }).map((units) => String.fromCharCode(...units)),
    fc.array(fc.constantFrom('a', 'é', '€', '🙂', '\ud83d', '\ude42'), { maxLength: 100 }).map((all) => all.join('')),
  );
  const bytesMax = fc.integer({ min: 4, max: 64 });

  test('gateway#5: joined they are the text, and each has so many UTF-8 bytes at most', () => {
    fc.assert(
      fc.property(text, bytesMax, (whole, max) => {
        const pieces = piecesOf(whole, max);
        expect(pieces.join('')).toBe(whole);
        for (const piece of pieces) expect([piece !== '', Buffer.byteLength(piece) <= max]).toEqual([true, true]);
      }),
    );
  });

  test('gateway#5: no cut goes through a character: read one by one they have the same characters', () => {
    fc.assert(
      fc.property(text, bytesMax, (whole, max) => {
        expect(piecesOf(whole, max).flatMap((piece) => [...piece])).toEqual([...whole]);
      }),
    );
  });

  test('parts of an answer give it back, none too long, and are cut behind a paragraph where one ends late', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'é', '€', '🙂', '\n', '\n\n') });
    fc.assert(
      fc.property(texts, (text) => {
        const parts = partsOf(text, 12);
        expect(parts.join('')).toBe(text);
        expect(parts.filter((part) => Buffer.byteLength(part) > 12)).toEqual([]);
      }),
    );
    expect(partsOf('one two\n\nthree four', 12)).toEqual(['one two\n\n', 'three four']);
    expect(partsOf('', 12)).toEqual(['']);
  });

  test('a piece is as long as it may be', () => {
    expect(piecesOf('aé€🙂b', 4)).toEqual(['aé', '€', '🙂', 'b']);
    expect(piecesOf('abcdefgh', 4)).toEqual(['abcd', 'efgh']);
    expect(piecesOf('', 4)).toEqual([]);
  });
});

describe('who may chat with an agent (gateway.md §1.2)', () => {
  const open: ChatAccess = {
    status: 'active',
    isGuest: false,
    isSystem: false,
    pausedByOwner: 'none',
    inboxMode: 'open',
    isOwned: false,
  };
  const closed = { inboxMode: 'contacts_only' } as const;
  const paused = { code: 'AGENT_UNAVAILABLE', details: { reason: 'paused' } };
  const suspended = { status: 'suspended', pausedByOwner: 'full', ...closed } as const;

  test.each<[string, Partial<ChatAccess> | null, unknown]>([
    ['an unknown one', null, { code: 'AGENT_NOT_FOUND' }],
    ['a guest, before its state', { ...suspended, isGuest: true }, { code: 'AGENT_NOT_FOUND' }],
    [
      'a deleted one, also of its owner',
      { ...suspended, status: 'deleted', isOwned: true },
      { code: 'AGENT_NOT_FOUND' },
    ],
    ['a suspended one, before its pause', { ...suspended, isOwned: true }, { code: 'AGENT_SUSPENDED' }],
    ['a paused one, before its inbox mode', { pausedByOwner: 'send', ...closed }, paused],
    ['a fully paused one, also of its owner', { pausedByOwner: 'full', isOwned: true }, paused],
    ['contacts_only, of somebody else', closed, { code: 'INBOX_RESTRICTED' }],
    ['contacts_only, of its owner', { ...closed, isOwned: true }, null],
    ['a system agent, like an open one', { ...closed, isSystem: true }, null],
    ['an open one', {}, null],
    ['a restricted one', { status: 'restricted' }, null],
  ])('%s', (_who, change, refusal) => {
    expect(refuseChat(change === null ? null : { ...open, ...change })).toEqual(refusal);
  });
});

describe('agents that say nothing (gateway.md §9.2)', () => {
  const at = (seconds: number) => new Date(1_000_000 + seconds * 1_000);
  const signs = (change: Partial<TurnSigns> = {}): TurnSigns => ({
    status: 'running',
    channel: 'chat',
    startedAt: at(0),
    ...change,
  });

  test('300 s after the last sign of a running turn its agent is silent, 1,800 s for a task', () => {
    for (const [channel, seconds] of [
      ['chat', 300],
      ['team', 300],
      ['task', 1_800],
    ] as const) {
      expect(isSilent(signs({ channel }), at(seconds - 1))).toBe(false);
      expect(isSilent(signs({ channel }), at(seconds))).toBe(true);
      const active = signs({ channel, activeAt: at(100) });
      expect([isSilent(active, at(seconds + 99)), isSilent(active, at(seconds + 100))]).toEqual([false, true]);
    }
  });

  test('a turn that no agent has taken, or that has ended, is never silent', () => {
    for (const status of ['queued', 'completed', 'failed', 'cancelled'] as const) {
      expect(isSilent(signs({ status }), at(9_999))).toBe(false);
    }
  });
});
