import {
  bytesTooLong,
  chatTitle,
  MESSAGE_BYTES_MAX,
  talkItems,
  titleFrom,
  userOf,
  waitingText,
  type Talk,
} from '../../dashboard/src/model/talk';
import { newTurn, type Turn } from '../../dashboard/src/model/turn';
import { chatMessage, execution } from './samples';

const PLACE = { locale: 'en-GB', timeZone: 'UTC' };

const turn = (fields: Partial<Turn> = {}): Turn =>
  newTurn({
    key: 'k1',
    handle: 'ada',
    sessionId: 'ses_1',
    executionId: 'exe_1',
    message: 'Hi',
    at: '2026-03-12T12:00:00.000Z',
    status: 'running',
    ...fields,
  });

/** What is shown, in short. */
function shown(talk: Partial<Talk>): string[] {
  const items = talkItems({ messages: [], executions: [], turns: [], ...talk }, PLACE);
  return items.map((item) => {
    switch (item.kind) {
      case 'day':
        return 'day';
      case 'said':
        return `${item.isOwn ? 'own' : 'agent'}: ${item.text}${item.isLate ? ' (late)' : ''}`;
      case 'answer':
        return `answer: ${item.turn.text}`;
      case 'ending':
        return item.ending.kind === 'stopped'
          ? `stopped: ${item.message}`
          : `failed: ${item.message}, ${item.ending.text}`;
    }
  });
}

const said = chatMessage({ id: 'msg_1', role: 'user', content: 'Hi', execution_id: 'exe_1' });
const answered = chatMessage({ id: 'msg_2', role: 'assistant', content: 'Hello', execution_id: 'exe_1' });

describe('what a chat shows', () => {
  test('stored messages, oldest first, with the days on which they were said', () => {
    const later = chatMessage({ id: 'msg_3', role: 'user', content: 'Again', timestamp: '2026-03-13T00:00:01.000Z' });
    expect(shown({ messages: [said, answered, later] })).toEqual([
      'day',
      'own: Hi',
      'agent: Hello',
      'day',
      'own: Again',
    ]);
  });

  test('what is being sent, before the server has anything of it', () => {
    expect(shown({ turns: [turn({ executionId: null, status: 'sending' })] })).toEqual(['day', 'own: Hi', 'answer: ']);
  });

  test('an answer that comes stands behind what it answers, and is not shown twice when part of it is stored', () => {
    const interim = chatMessage({ id: 'msg_2', role: 'assistant', content: 'Let me see', execution_id: 'exe_1' });
    const coming = turn({ text: 'Let me see\n\nYes' });
    expect(shown({ messages: [said, interim], turns: [coming] })).toEqual([
      'day',
      'own: Hi',
      'answer: Let me see\n\nYes',
    ]);
  });

  test('an answer that has come is shown from the stream until it is among the messages, then once', () => {
    const done = turn({ status: 'completed', text: 'Hello' });
    expect(shown({ messages: [said], turns: [done] })).toEqual(['day', 'own: Hi', 'answer: Hello']);
    expect(shown({ messages: [said, answered], turns: [done] })).toEqual(['day', 'own: Hi', 'agent: Hello']);
  });

  test('an answer that is stored but not yet known to be one is not shown beside its stream; other words are', () => {
    const unknown = chatMessage({ id: 'msg_2', role: 'assistant', content: 'Hello', execution_id: null });
    const other = chatMessage({ id: 'msg_3', role: 'assistant', content: 'By the way', execution_id: null });
    const coming = turn({ text: 'Hello' });
    const before = chatMessage({ ...unknown, id: 'msg_0' });
    expect(shown({ messages: [before, said, unknown, other], turns: [coming] })).toEqual([
      'day',
      'agent: Hello',
      'own: Hi',
      'agent: By the way',
      'answer: Hello',
    ]);
  });

  test('a turn that was stopped says so where it stands, with what had come of the answer', () => {
    const next = chatMessage({ id: 'msg_4', role: 'user', content: 'Next', execution_id: 'exe_2' });
    const stopped = turn({ status: 'cancelled', text: 'Hel' });
    expect(shown({ messages: [said, next], turns: [stopped] })).toEqual([
      'day',
      'own: Hi',
      'answer: Hel',
      'stopped: Hi',
      'own: Next',
    ]);
  });

  test('turns of other tabs and days that brought no answer say why; answered ones say nothing', () => {
    const executions = [
      execution({ id: 'exe_3', status: 'completed' }),
      execution({ id: 'exe_2', status: 'failed', error: 'The agent gave up', message: 'Two' }),
      execution({ id: 'exe_1', status: 'cancelled', message: 'Hi' }),
    ];
    const two = chatMessage({ id: 'msg_3', role: 'user', content: 'Two', execution_id: 'exe_2' });
    expect(shown({ messages: [said, two], executions })).toEqual([
      'day',
      'own: Hi',
      'stopped: Hi',
      'own: Two',
      'failed: Two, The agent gave up',
    ]);
  });

  test('a turn whose message was never stored is shown, one from further back is not', () => {
    const executions = [
      execution({
        id: 'exe_9',
        status: 'failed',
        error: 'Full',
        message: 'New',
        queued_at: '2026-03-12T13:00:00.000Z',
      }),
      execution({
        id: 'exe_0',
        status: 'failed',
        error: 'Full',
        message: 'Old',
        queued_at: '2026-03-01T13:00:00.000Z',
      }),
    ];
    expect(shown({ messages: [said], executions })).toEqual(['day', 'own: Hi', 'own: New', 'failed: New, Full']);
  });

  test('a late answer stands where it came, besides the end of its turn', () => {
    const late = chatMessage({ id: 'msg_5', role: 'assistant', content: 'Here', execution_id: 'exe_1', late: true });
    const executions = [execution({ id: 'exe_1', status: 'failed', error: 'Too late', message: 'Hi' })];
    expect(shown({ messages: [said, late], executions })).toEqual([
      'day',
      'own: Hi',
      'failed: Hi, Too late',
      'agent: Here (late)',
    ]);
  });
});

describe('words of a chat', () => {
  test('it is called after what was said first, cut at a word', () => {
    expect(titleFrom('  Good\n morning ')).toBe('Good morning');
    const long = titleFrom('What is the shortest way from here to the other end of the city, please?');
    expect(long).toBe('What is the shortest way from here to the other end of the…');
    const one = titleFrom('🙂'.repeat(60));
    expect([one.length <= 60, /[\ud800-\udbff]…$/.test(one)]).toEqual([true, false]);
    expect(chatTitle({ title: null, at: '2026-03-12T12:00:00.000Z' }, PLACE)).toBe('Chat of 12 Mar 2026, 12:00');
  });

  test('a message may have as many bytes as the gateway takes, whatever they spell', () => {
    expect(bytesTooLong('x'.repeat(MESSAGE_BYTES_MAX))).toBe(0);
    expect(bytesTooLong(`${'x'.repeat(MESSAGE_BYTES_MAX)}ü`)).toBe(2);
  });

  test('users without an address are visitors', () => {
    expect(userOf({ user_email: 'a@example.com', kind: 'chat' })).toBe('a@example.com');
    expect(userOf({ user_email: null, kind: 'public' })).toBe('Visitor');
    expect(userOf({ user_email: null, kind: 'paid' })).toBe('Paying visitor');
  });

  test('while an answer is awaited it is said what it waits for', () => {
    const words = (fields: Partial<Turn>): string => waitingText(turn(fields), 'Ada');
    expect(words({ status: 'queued' })).toBe('Waiting for Ada to take it…');
    expect(words({})).toBe('Ada is working on it…');
    expect(words({ label: 'Looking it up' })).toBe('Looking it up');
    expect(words({ text: 'He' })).toBe('Answering…');
    expect(words({ isBroken: true })).toContain('broke off');
    expect(words({ isWaitOver: true })).toContain('No answer yet');
  });
});
