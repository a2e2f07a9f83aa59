import { nextUp, type WaitingRow } from '../../domain/webhook-batch';

describe('what goes out together (webhooks.md §11.7)', () => {
  type Row = WaitingRow & { name: string };
  const message = (name: string, conversationId = 'conv_a', changes: Partial<Row> = {}): Row => ({
    name,
    event: 'message.new',
    conversationId,
    ...changes,
  });
  const read = (name: string, conversationId = 'conv_a'): Row => ({ name, event: 'message.read', conversationId });
  const presence = (name: string): Row => ({ name, event: 'presence.update' });
  const released = { released: true as const };
  const of = (rows: Row[], isOrdered = false, rowsMax = 100): string => {
    const next = nextUp(rows, { isOrdered, rowsMax });
    return `${next.kind} ${next.rows.map(({ name }) => name).join('')}`;
  };

  test('webhooks#43: messages go together in their order, at most as many as are allowed', () => {
    expect(of([message('1'), message('2', 'conv_b'), message('3')])).toBe('batch 123');
    expect(of([message('1'), message('2'), message('3')], false, 2)).toBe('batch 12');
    expect(of([message('1')])).toBe('batch 1');
    expect(of([])).toBe('singles ');
  });

  test('other events go by themselves, before the messages behind them, and hold up no message', () => {
    expect(of([read('1'), presence('2'), message('3'), read('4')])).toBe('singles 12');
    expect(of([read('1'), read('2')])).toBe('singles 12');
    expect(of([message('1'), presence('2'), read('3', 'conv_b'), message('4', 'conv_b')])).toBe('batch 14');
  });

  test('where conversations keep their order, no message is taken along past another event of its own', () => {
    const rows = [message('1'), read('2'), message('3'), message('4', 'conv_b'), message('5')];
    expect(of(rows, true)).toBe('batch 14');
    expect(of([read('1'), read('2'), read('3', 'conv_b'), presence('4'), presence('5')], true)).toBe('singles 1345');
  });

  test('what a pause held back is not mixed with what came later', () => {
    const rows = [message('1', 'conv_a', released), message('2', 'conv_b', released), message('3'), message('4')];
    expect(of(rows)).toBe('batch 12');
    expect(of([message('1'), message('2', 'conv_a', released), message('3', 'conv_b'), message('4')], true)).toBe(
      'batch 13',
    );
  });
});
