import { searchRows, withMessage, withPage } from '../../dashboard/src/model/conversations';
import { deliveryOf, mergeMessages, noticeText, threadItems } from '../../dashboard/src/model/thread';
import { conversation, message } from './samples';

describe('dashboard §9: the list of conversations', () => {
  const bob = conversation({
    id: 'conv_b',
    participants: [{ handle: 'bob', display_name: 'Robert', avatar_url: null }],
  });
  const ops = conversation({
    id: 'grp_o',
    type: 'group',
    participants: [],
    group_name: 'Ops',
    last_message_preview: 'Deploy at noon',
  });

  test('search looks at name, handle and preview', () => {
    expect(searchRows([bob, ops], 'robert')).toEqual([bob]);
    expect(searchRows([bob, ops], '@BOB')).toEqual([bob]);
    expect(searchRows([bob, ops], 'noon deploy')).toEqual([ops]);
    expect(searchRows([bob, ops], ' ')).toEqual([bob, ops]);
    expect(searchRows([bob, ops], 'nothing')).toEqual([]);
  });

  test('a live message brings its conversation to the top with its preview', () => {
    const live = message({
      conversation_id: 'grp_o',
      seq: 9,
      is_own: true,
      content: { text: 'Done\n now' },
      created_at: '2026-03-12T12:00:01.000Z',
    });
    const rows = withMessage([bob, ops], live);
    expect(rows?.map(({ id }) => id)).toEqual(['grp_o', 'conv_b']);
    expect(rows?.[0]).toMatchObject({ last_message_preview: 'Done now', last_message_is_own: true });
  });

  test('a message of an unknown conversation asks for a new reading; an older one changes nothing', () => {
    expect(withMessage([bob], message({ conversation_id: 'conv_new' }))).toBeNull();
    const older = message({
      conversation_id: 'conv_b',
      created_at: '2026-03-12T11:00:00.000Z',
      content: { text: 'old' },
    });
    expect(withMessage([ops, bob], older)).toEqual([ops, bob]);
  });

  test('what moved between two pages stands once', () => {
    expect(withPage([bob], [bob, ops])).toEqual([bob, ops]);
  });
});

describe('dashboard §9: a thread', () => {
  const at = (time: string) => `2026-03-12T${time}.000Z`;

  test('messages stand once, by seq, with the newest state', () => {
    const read = message({ seq: 2, status: 'read' });
    const merged = mergeMessages([message({ seq: 2 }), message({ seq: 1 })], [message({ seq: 3 }), read]);
    expect(merged.map(({ seq, status }) => `${seq} ${status}`)).toEqual(['1 stored', '2 read', '3 stored']);
  });

  test('one cluster per sender within five minutes, day dividers in the zone of the reader', () => {
    const items = threadItems(
      [
        message({ seq: 1, created_at: at('23:50:00') }),
        message({ seq: 2, created_at: at('23:55:00') }),
        message({ seq: 3, created_at: at('23:55:01'), is_own: true, sender_handle: null }),
        message({ seq: 4, created_at: '2026-03-13T00:00:30.000Z', is_own: true, sender_handle: null }),
        message({ seq: 5, created_at: '2026-03-13T00:06:00.000Z', is_own: true, sender_handle: null }),
      ],
      { timeZone: 'UTC' },
    );
    expect(items.map((item) => (item.kind === 'cluster' ? item.messages.map(({ seq }) => seq) : item.kind))).toEqual([
      'day',
      [1, 2],
      [3],
      'day',
      [4],
      [5],
    ]);
    expect(threadItems([message({ created_at: at('23:50:00') })], { timeZone: 'Asia/Tokyo' })[0]?.key).toBe(
      'day-2026-03-13',
    );
  });

  test('two members of a group are two clusters; what happened to the group stands between', () => {
    const items = threadItems([
      message({ seq: 1, sender_handle: 'bob' }),
      message({ seq: 2, sender_handle: 'eve' }),
      message({ seq: 3, type: 'system', content: { data: { event: 'member_joined', agent_handle: 'kim' } } }),
      message({ seq: 4, sender_handle: 'eve' }),
    ]);
    expect(items.map(({ kind }) => kind)).toEqual(['day', 'cluster', 'cluster', 'notice', 'cluster']);
  });

  test('notices of known events are sentences, unknown ones are left to the JSON', () => {
    const text = (data: object) => noticeText(message({ type: 'system', content: { data } }));
    expect(text({ event: 'member_removed', agent_handle: 'kim', actor_handle: 'ada' })).toBe('@ada removed @kim');
    expect(text({ event: 'admin_promoted', agent_handle: 'kim', actor_handle: null })).toBe('@kim is now an admin');
    expect(text({ event: 'something_new' })).toBeNull();
    expect(noticeText(message({ content: { data: 'x' } }))).toBeNull();
  });

  test('delivery: the receiver of own direct messages, the watched agent of others, nothing known in groups', () => {
    const own = (status: 'stored' | 'delivered' | 'read') => message({ is_own: true, status });
    expect(deliveryOf(own('stored'), false)?.mark).toBe('stored');
    expect(deliveryOf(own('delivered'), false)?.mark).toBe('delivered');
    expect(deliveryOf(own('read'), false)?.mark).toBe('read');
    expect(deliveryOf(own('read'), true)?.mark).toBe('stored');
    expect(deliveryOf(message({ status: 'stored' }), false)?.mark).toBe('waiting');
    expect(deliveryOf(message({ status: 'read' }), false)).toBeNull();
  });
});
