import { setPause } from '../../store/accounts/set-pause';
import { pretendBacklog } from '../support/backlog';
import { pictureAs } from '../support/images';
import { lineOf, SdkAgent } from '../support/sdk';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/** Agents in the field speak through the published SDK: whatever a group does has to make sense to it unchanged. */
describe('groups through the published TypeScript SDK', () => {
  let open: SdkAgent[] = [];

  const { database, url } = useStack();
  afterEach(() => {
    for (const agent of open) agent.disconnect();
    open = [];
  });

  async function online(): Promise<SdkAgent> {
    const agent = await SdkAgent.create(database, url());
    await agent.connect();
    open.push(agent);
    return agent;
  }
  const untilSeen = (agent: SdkAgent, groupId: string, seq: number) =>
    waitFor(() => agent.seenOf(groupId).at(-1)?.seq === seq, {
      describe: `seq ${seq} at ${agent.handle}, after ${agent.seenOf(groupId).map(lineOf).join(' | ')}`,
    });

  test('every call of a group, and one sequence for everybody from their join on', async () => {
    const [ada, bob, cyd, dan, eve] = await Promise.all([online(), online(), online(), online(), online()]);
    await bob.client.addContact(`@${ada.handle}`);
    const { group, add_results } = await ada.client.createGroup({
      name: 'crew',
      description: 'who builds it',
      member_handles: [bob.handle, `@${cyd.handle.toUpperCase()}`, dan.handle],
    });
    expect(add_results.map(({ handle, outcome }) => [handle, outcome])).toEqual([
      [bob.handle, 'joined'],
      [cyd.handle, 'invited'],
      [dan.handle, 'invited'],
    ]);
    expect(group).toMatchObject({ name: 'crew', created_by: ada.handle, member_count: 2, your_role: 'admin' });
    const { id } = group;
    const say = (who: SdkAgent, text: string) => who.client.sendMessage({ conversation_id: id, content: { text } });

    const [invitation] = await cyd.client.listGroupInvites();
    expect(invitation).toMatchObject({ id: add_results[1]?.invite_id, group_id: id, inviter_handle: ada.handle });
    await waitFor(() => cyd.invitations.length > 0);
    expect(cyd.invitations).toEqual([invitation]);
    const joined = await cyd.client.acceptGroupInvite(invitation?.id ?? '');
    expect(joined).toMatchObject({ id, member_count: 3, your_role: 'member' });
    await dan.client.rejectGroupInvite(add_results[2]?.invite_id ?? '');
    expect(await dan.client.listGroupInvites()).toEqual([]);
    const added = await ada.client.addGroupMember(id, eve.handle);
    expect(added).toMatchObject({ handle: eve.handle, outcome: 'invited' });
    await eve.client.acceptGroupInvite(added.invite_id ?? '');
    expect(await ada.client.addGroupMember(id, eve.handle)).toEqual({ handle: eve.handle, outcome: 'already_member' });

    await say(ada, 'hello all');
    await say(bob, 'hello ada');
    const updated = await ada.client.updateGroup(id, { name: 'the crew', description: null });
    expect(updated).toMatchObject({ name: 'the crew', description: null });
    const { avatar_key, avatar_url } = await ada.client.setGroupAvatar(id, new Uint8Array(await pictureAs('jpeg')));
    expect(avatar_url.endsWith(`/avatars/${avatar_key}`)).toBe(true);
    const served = await fetch(url() + new URL(avatar_url).pathname);
    expect([served.status, served.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expect((await bob.client.getGroup(id)).avatar_url).toBe(avatar_url);
    await expect(bob.client.removeGroupAvatar(id)).rejects.toMatchObject({ name: 'ForbiddenError' });
    expect(await ada.client.removeGroupAvatar(id)).toEqual({ ok: true });
    await expect(ada.client.removeGroupAvatar(id)).rejects.toMatchObject({ name: 'NotFoundError', code: 'NOT_FOUND' });
    expect((await bob.client.getGroup(id)).avatar_url).toBeNull();
    await ada.client.promoteGroupMember(id, bob.handle);
    await bob.client.promoteGroupMember(id, cyd.handle);
    await ada.client.demoteGroupMember(id, bob.handle);
    await untilSeen(eve, id, 12);
    await ada.client.removeGroupMember(id, eve.handle);
    await expect(eve.client.getGroup(id)).rejects.toMatchObject({ name: 'NotFoundError', code: 'GROUP_NOT_FOUND' });
    await say(cyd, 'without eve');
    await untilSeen(bob, id, 14);
    expect(await bob.client.leaveGroup(id)).toMatchObject({ promoted_handle: null });
    await say(ada, 'without bob');
    await untilSeen(cyd, id, 16);

    const detail = await cyd.client.getGroup(id);
    expect(detail.members.map(({ handle, role }) => [handle, role])).toEqual([
      [ada.handle, 'admin'],
      [cyd.handle, 'admin'],
    ]);
    expect((await cyd.client.getConversationParticipants(id)).map(({ handle }) => handle)).toEqual([
      ada.handle,
      cyd.handle,
    ]);
    const context = await cyd.client.getConversationContext(id);
    expect(context).toMatchObject({ type: 'group', group: { name: 'the crew', member_count: 2, your_role: 'admin' } });
    expect(await cyd.client.listConversations()).toMatchObject([{ id, type: 'group', group_name: 'the crew' }]);

    const lines = [
      `1 ${ada.handle}: member_joined ${bob.handle}`,
      `2 ${ada.handle}: member_joined ${cyd.handle}`,
      `3 ${ada.handle}: member_joined ${eve.handle}`,
      `4 ${ada.handle}: hello all`,
      `5 ${bob.handle}: hello ada`,
      `6 ${ada.handle}: name_changed ${ada.handle}`,
      `7 ${ada.handle}: description_changed ${ada.handle}`,
      `8 ${ada.handle}: avatar_changed ${ada.handle}`,
      `9 ${ada.handle}: avatar_changed ${ada.handle}`,
      `10 ${ada.handle}: admin_promoted ${bob.handle} ${ada.handle}`,
      `11 ${bob.handle}: admin_promoted ${cyd.handle} ${bob.handle}`,
      `12 ${ada.handle}: admin_demoted ${bob.handle} ${ada.handle}`,
      `13 ${ada.handle}: member_removed ${eve.handle} ${ada.handle}`,
      `14 ${cyd.handle}: without eve`,
      `15 ${bob.handle}: member_left ${bob.handle}`,
      `16 ${ada.handle}: without bob`,
    ];
    const history = async (who: SdkAgent) => (await who.client.getMessages(id, { afterSeq: 0 })).map(lineOf);
    expect(await history(ada)).toEqual(lines);
    expect(await history(cyd)).toEqual(lines.slice(1));
    const saw = (who: SdkAgent, from: number, to: number) =>
      expect(who.seenOf(id).map(lineOf)).toEqual(
        lines.slice(from - 1, to).filter((line) => !line.includes(` ${who.handle}: `)),
      );
    saw(ada, 1, 16);
    saw(bob, 1, 14);
    saw(cyd, 2, 16);
    saw(eve, 3, 12);
    expect(dan.seen).toEqual([]);

    await expect(cyd.client.deleteGroup(id)).rejects.toMatchObject({ name: 'ForbiddenError' });
    const { deleted_at } = await ada.client.deleteGroup(id);
    await waitFor(() => cyd.deletions.length > 0);
    await untilSeen(cyd, id, 17);
    expect(cyd.seenOf(id).map(lineOf).at(-1)).toBe(`17 ${ada.handle}: group_deleted ${ada.handle}`);
    const gone = { name: 'GroupDeletedError', groupId: id, deletedByHandle: ada.handle, deletedAt: deleted_at };
    for (const who of [ada, bob, cyd, eve]) {
      await expect(who.client.getGroup(id)).rejects.toMatchObject(gone);
      await expect(who.client.getMessages(id)).rejects.toMatchObject(gone);
      await expect(say(who, 'too late')).rejects.toMatchObject(gone);
      await expect(who.client.deleteGroup(id)).rejects.toMatchObject(gone);
    }
    await expect(dan.client.getGroup(id)).rejects.toMatchObject({ code: 'GROUP_NOT_FOUND' });
  });

  test('groups#G12, groups#G13, groups#G14: to every member, in any state, the notice is the last thing', async () => {
    const [ada, ...members] = await Promise.all([online(), online(), online(), online(), online(), online()]);
    const [here, away, muted, paused, full] = members;
    for (const member of members) await member.client.addContact(ada.handle);
    const { group } = await ada.client.createGroup({
      name: 'short-lived',
      member_handles: members.map(({ handle }) => handle),
    });
    const { id } = group;
    await Promise.all(members.map((member) => untilSeen(member, id, 5)));
    for (const member of [away, paused, full]) await waitFor(async () => (await member.client.sync()).length === 0);
    away.disconnect();
    await muted.client.muteConversation(id);
    await setPause(database, paused.id, 'full', new Date());
    await pretendBacklog(database, full.id, 10_000);
    const { message } = await ada.client.sendMessage({ conversation_id: id, content: { text: 'unread by most' } });
    await untilSeen(here, id, message.seq);
    await ada.client.deleteGroup(id);
    for (const member of [here, muted, full]) {
      await waitFor(() => member.deletions.length > 0, { describe: `group.deleted at its socket` });
    }
    const later = (member: SdkAgent) =>
      member
        .seenOf(id)
        .filter(({ seq }) => seq >= message.seq)
        .map(lineOf);
    expect([await paused.client.sync(), later(paused), paused.deletions]).toEqual([[], [], []]);
    paused.disconnect();
    await setPause(database, paused.id, 'none', new Date());
    await Promise.all([away.connect(), paused.connect()]);
    const notice = `${message.seq + 1} ${ada.handle}: group_deleted ${ada.handle}`;
    for (const member of members) {
      await untilSeen(member, id, message.seq + 1);
      expect(later(member)).toEqual(member === here ? [lineOf(message), notice] : [notice]);
      await waitFor(async () => (await member.client.sync()).length === 0);
    }
  });
});
