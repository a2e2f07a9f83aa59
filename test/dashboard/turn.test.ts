import fc from 'fast-check';
import { EventStreamReader, type StreamRecord } from '../../dashboard/src/model/event-stream';
import { hasEnded, newTurn, rewound, withRecord, type Turn } from '../../dashboard/src/model/turn';

const turn = (): Turn =>
  newTurn({ key: 'k', handle: 'ada', sessionId: 'ses_1', message: 'Hi', at: '2026-03-12T12:00:00Z' });
const record = (id: string | null, data: object): StreamRecord => ({ id, data: JSON.stringify(data) });
const after = (...records: StreamRecord[]): Turn => records.reduce(withRecord, turn());

describe('gateway §5.2: the records of a stream', () => {
  const text =
    ': connected\n\nid: 1\ndata: {"type":"status","status":"queued"}\n\nretry: 2000\n\n' +
    'data: {"type":"text","content":"Grüße 🙂"}\n\n: keep-alive\n\nid: 3\ndata: {"type":"done"}\n\ndata: [DONE]\n\n';
  const records = new EventStreamReader().take(text);

  test('comments and settings are left out, numbers and data kept', () => {
    expect(records.map(({ id }) => id)).toEqual(['1', null, '3', null]);
    expect(records.at(1)?.data).toBe('{"type":"text","content":"Grüße 🙂"}');
    expect(new EventStreamReader().take('id:7\r\ndata:a\r\ndata: b\r\n\r\n')).toEqual([{ id: '7', data: 'a\nb' }]);
  });

  test('the network may cut them anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
        const reader = new EventStreamReader();
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        const read = places.slice(1).flatMap((end, index) => reader.take(text.slice(places[index], end)));
        expect(read).toEqual(records);
      }),
    );
  });
});

describe('gateway §5.2: a turn as its stream tells', () => {
  test('it is queued, runs with what the agent does, and ends with all of the text', () => {
    const said = [
      record('1', { type: 'status', status: 'queued' }),
      record('2', { type: 'status', status: 'running' }),
      record('3', { type: 'status', status: 'running', label: 'Looking it up' }),
      record('4', { type: 'text', content: 'Good ' }),
      record('5', { type: 'text', content: 'morning' }),
      record('6', { type: 'done', content: '' }),
      { id: null, data: '[DONE]' },
    ];
    const states = said.map((_, index) => after(...said.slice(0, index + 1)));
    expect(states.map(({ status, label, text }) => [status, label, text])).toEqual([
      ['queued', null, ''],
      ['running', null, ''],
      ['running', 'Looking it up', ''],
      ['running', 'Looking it up', 'Good '],
      ['running', 'Looking it up', 'Good morning'],
      ['completed', null, 'Good morning'],
      ['completed', null, 'Good morning'],
    ]);
    expect(states.map(hasEnded)).toEqual([false, false, false, false, false, true, true]);
  });

  test('tools are shown from their call to their result', () => {
    const call = record('1', { type: 'tool_call', id: 't1', name: 'search', input: {} });
    const failed = record('2', { type: 'tool_result', id: 't1', output: 'no', is_error: true });
    expect(after(call).tools).toEqual([{ id: 't1', name: 'search', state: 'running' }]);
    expect(after(call, failed).tools).toEqual([{ id: 't1', name: 'search', state: 'failed' }]);
    expect(after(record('1', { type: 'tool_result', id: 'other' })).tools).toEqual([]);
  });

  test.each([
    ['TURN_CANCELLED', 'cancelled'],
    ['AGENT_ERROR', 'failed'],
    ['TURN_TIMEOUT', 'failed'],
  ])('the numbered error %s ends it as %s', (code, status) => {
    const end = after(record('4', { type: 'error', code, content: 'Why', execution_id: 'exe_1' }));
    expect([end.status, end.problem]).toEqual([status, { code, message: 'Why' }]);
  });

  test('gateway §10.3: a time-out without a number ends the waiting only; the answer may still come', () => {
    const waited = after(
      record('1', { type: 'status', status: 'queued' }),
      record(null, { type: 'error', code: 'TURN_TIMEOUT', content: '' }),
    );
    expect([waited.status, waited.isWaitOver, waited.problem]).toEqual(['queued', true, null]);
    const answered = [record('2', { type: 'text', content: 'Late' }), record('3', { type: 'done' })].reduce(
      withRecord,
      waited,
    );
    expect([answered.status, answered.text]).toEqual(['completed', 'Late']);
  });

  test('gateway#13: what came without a number comes again: it is taken back before the stream goes on', () => {
    const broken = rewound(
      after(
        record('1', { type: 'text', content: 'One. ' }),
        // The number stands with the last piece of a long text.
        record(null, { type: 'text', content: 'Tw' }),
      ),
    );
    expect([broken.text, broken.certain.id, broken.isBroken]).toEqual(['One. ', '1', true]);
    const resumed = withRecord(broken, record('2', { type: 'text', content: 'Two.' }));
    expect([resumed.text, resumed.isBroken]).toEqual(['One. Two.', false]);
  });

  test('gateway §12.1: a snapshot stands for all of the text before it', () => {
    const shown = after(
      record('9', { type: 'snapshot', content: 'All so far' }),
      record('10', { type: 'text', content: ', and on' }),
    );
    expect(shown.text).toBe('All so far, and on');
  });

  test('records that this page does not know change nothing', () => {
    for (const data of ['', 'null', '7', '"text"', '{"type":"later"}', '{']) {
      expect(withRecord(turn(), { id: null, data })).toEqual(turn());
    }
  });
});
