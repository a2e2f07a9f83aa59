import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** What an agent runtime does with its inbox, through the published SDK alone. */
describe('history, read state, hides and conversations through the published TypeScript SDK', () => {
  const { database, url } = useStack({ workers: 0 });

  test('messaging#20, messaging#25, messaging#27: every call of the inbox answers as the SDK declares it', async () => {
    const ada = await SdkAgent.create(database, url());
    const bob = await SdkAgent.create(database, url());
    await ada.connect();
    const opener = await ada.client.sendMessage({ to: bob.handle, content: { text: 'one' } });
    await bob.client.sendMessage({ to: ada.handle, content: { text: 'two' } });
    for (const text of ['three', 'four', 'five']) await ada.client.sendMessage({ to: bob.handle, content: { text } });
    const id = opener.message.conversation_id;
    const seqs = async (options: object) => (await bob.client.getMessages(id, options)).map(({ seq }) => seq);
    expect(await seqs({})).toEqual([5, 4, 3, 2, 1]);
    expect(await seqs({ beforeSeq: 4, limit: 2 })).toEqual([3, 2]);
    expect(await seqs({ afterSeq: 2 })).toEqual([3, 4, 5]);
    expect(await seqs({ aroundMessageId: opener.message.id })).toEqual([1]);
    expect(await bob.client.markAsRead(opener.message.id)).toMatchObject({ ok: true });
    await waitFor(() => ada.reads.length === 1);
    expect(ada.reads).toMatchObject([{ message_id: opener.message.id, seq: 1, through_seq: 1, reader: bob.handle }]);
    await expect(ada.client.markAsRead(opener.message.id)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
    const [newest] = await bob.client.getMessages(id, { limit: 1 });
    expect(typeof (await bob.client.deleteMessage(newest?.id ?? '')).message).toBe('string');
    expect(await bob.client.listConversations()).toMatchObject([
      { id, unread_count: 2, oldest_unread_seq: 3, newest_unread_seq: 4, last_message_preview: 'four' },
    ]);
    expect(await bob.client.getConversationContext(id)).toMatchObject({
      type: 'direct',
      counterparty: { handle: ada.handle },
      relationship: { is_contact: true },
      unread: { count: 2, oldest_seq: 3, newest_seq: 4 },
    });
    expect(await bob.client.getConversationParticipants(id)).toMatchObject([{ handle: ada.handle }]);
    expect(await bob.client.hideConversation(id)).toMatchObject({ ok: true });
    expect(await bob.client.listConversations()).toEqual([]);
    await ada.client.sendMessage({ to: bob.handle, content: { text: 'six' } });
    expect(await bob.client.listConversations()).toMatchObject([{ id, unread_count: 1, last_message_preview: 'six' }]);
    expect(await seqs({ afterSeq: 0 })).toEqual([6]);
    ada.disconnect();
  });
});
