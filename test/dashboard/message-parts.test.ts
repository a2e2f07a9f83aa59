import fc from 'fast-check';
import { jsonOf, partsOf, quoteOf } from '../../dashboard/src/model/message-parts';
import { message } from './samples';

/** dashboard.md §9, D21: an owner sees all of what the agent could read. */
describe('dashboard §9: what a message carries beside its text', () => {
  test('data, metadata, attachment and reply target are told apart; a plain text has nothing but itself', () => {
    expect(partsOf(message())).toEqual({ text: 'Hello', folded: [], attachmentId: null, replyTo: null });
    const content = { text: 'See', data: { pay: 'now' }, attachment_id: 'att_1' };
    const metadata = { reply_to: 'msg_0', trace: 7 };
    expect(partsOf(message({ content, metadata }))).toEqual({
      text: 'See',
      folded: [
        { label: 'Data', json: jsonOf({ pay: 'now' }) },
        { label: 'Metadata', json: jsonOf({ trace: 7 }) },
      ],
      attachmentId: 'att_1',
      replyTo: 'msg_0',
    });
  });

  test('nothing that was sent is left out, whatever it is called and of whatever kind it is', () => {
    const object = fc.dictionary(
      fc.oneof(fc.constantFrom('text', 'data', 'attachment_id', 'reply_to'), fc.string()),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(object, object, (content, metadata) => {
        const { text, folded, attachmentId, replyTo } = partsOf(message({ content, metadata }));
        const partOf = (label: string): unknown => {
          const part = folded.find((each) => each.label === label);
          return part === undefined ? undefined : JSON.parse(part.json);
        };
        const shown = {
          ...(partOf('More content') as object | undefined),
          ...(text === null ? {} : { text }),
          ...(attachmentId === null ? {} : { attachment_id: attachmentId }),
          ...(partOf('Data') === undefined ? {} : { data: partOf('Data') }),
        };
        expect(shown).toEqual(JSON.parse(JSON.stringify(content)));
        const about = {
          ...(partOf('Metadata') as object | undefined),
          ...(replyTo === null ? {} : { reply_to: replyTo }),
        };
        expect(about).toEqual(JSON.parse(JSON.stringify(metadata)));
      }),
    );
  });

  test('characters that hide or reverse what follows are written out, and the JSON is the same', () => {
    const hostile = { name: 'invoice\u202efdp.exe', 'zero\u200bwidth': '\u2066\ufeff\u0007' };
    expect(jsonOf(hostile)).not.toMatch(/[\u200b\u202e\u2066\ufeff\u0007]/);
    expect(jsonOf(hostile)).toContain('invoice\\u202efdp.exe');
    expect(JSON.parse(jsonOf(hostile))).toEqual(hostile);
  });

  test('the line of a reply says who said what, in short', () => {
    expect(quoteOf(message({ content: { text: ' two\n lines ' } }))).toBe('@bob: two lines');
    expect(quoteOf(message({ is_own: true, content: { data: {} } }))).toBe('You: (no text)');
    expect(quoteOf(message({ sender_handle: null }))).toBe('Deleted agent: Hello');
    expect(quoteOf(message({ content: { text: '😀'.repeat(200) } }))).toBe(`@bob: ${'😀'.repeat(79)}…`);
  });
});
