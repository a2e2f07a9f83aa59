import type * as Sdk from 'agentchatme' with { 'resolution-mode': 'import' };
import { setPause } from '../../store/accounts/set-pause';
import { addContact } from '../../store/contacts/relations';
import { startBalancer } from '../support/balancer';
import { effective, lineOf, retried, SdkAgent } from '../support/sdk';
import type { ApiChild } from '../support/stack';
import { waitFor } from '../support/wait';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';
import { itemAt } from '../support/exactly';

/** Members of the group when it starts; the product's own maximum is 256. */
const MEMBERS = 40;
const TALKERS = 8;
const TEXTS_EACH = 8;
const TEXTS = TALKERS * TEXTS_EACH;

type Message = Sdk.Message;

/**
 * What a group promises is one sequence, the same for everybody. Without this test a node that dies in the middle of a
 * fan-out, a join or a removal could leave members with different pasts, and nobody would notice.
 */
describe('a large group, driven by the published SDK, while its nodes are killed', () => {
  const { stack, database } = useStack({ apis: 2, workers: 1 });
  const balancer = use(
    () => startBalancer(() => stack.apis.filter((api) => api.isRunning()).map(({ port }) => port)),
    (proxy) => proxy.stop(),
  );

  /** Seqs of the messages that were put into an agent's inbox, in their order there. */
  async function envelopesOf({ id: recipientId }: SdkAgent, conversationId: string): Promise<number[]> {
    const rows = await database.envelopes.find({ recipientId, conversationId }).sort({ position: 1 }).toArray();
    return rows.map(({ seq }) => seq);
  }

  test('groups#G5, groups#G7: all see one sequence from their join on, and the notice last', async () => {
    const creator = await SdkAgent.create(database, balancer.baseUrl);
    const others = await inBatches(MEMBERS + 4, () => SdkAgent.create(database, balancer.baseUrl));
    const agents = [creator, ...others];
    for (const { id } of others) await addContact(database, { from: id, to: creator.id, at: new Date() });
    const members = others.slice(0, MEMBERS - 1);
    const newcomers = others.slice(MEMBERS - 1);
    const { group, add_results } = await creator.client.createGroup({
      name: 'crowd',
      member_handles: members.map(({ handle }) => handle),
    });
    expect(add_results.filter(({ outcome }) => outcome === 'joined')).toHaveLength(MEMBERS - 1);
    const groupId = group.id;
    // The first three come online only when all is over; they are neither talkers nor changed.
    const [offline, paused, other] = [itemAt(members, 0), itemAt(members, 1), itemAt(members, 2)];
    const late = [offline, paused, other];
    const live = agents.filter((agent) => !late.includes(agent));
    await Promise.all(live.map((agent) => agent.connect()));

    let sent = 0;
    const reached = (count: number) =>
      waitFor(() => sent >= count, { timeoutMs: 120_000, describe: `${count} of ${TEXTS} texts, ${sent} sent` });
    const talk = async (talker: SdkAgent): Promise<void> => {
      for (let count = 0; count < TEXTS_EACH; count += 1) {
        await say(talker, groupId, `text ${count} of ${talker.handle}`);
        sent += 1;
      }
    };
    const changes = changesOf(groupId, creator, { newcomers, members: members.slice(3 + TALKERS) });
    const change = async (): Promise<void> => {
      for (const [index, step] of changes.entries()) {
        await reached(Math.floor((index * TEXTS) / changes.length));
        await step();
      }
    };
    const murder = async (): Promise<void> => {
      for (const share of [0.25, 0.6]) {
        await reached(Math.ceil(TEXTS * share));
        const victim: ApiChild | undefined = stack.apis.find((api) => api.isRunning());
        if (victim !== undefined) await stack.kill(victim);
        await stack.startApi();
      }
    };
    await Promise.all([...members.slice(3, 3 + TALKERS).map(talk), change(), murder()]);
    const lastWord = await say(creator, groupId, 'the last word');
    await Promise.all(late.map((agent) => agent.connect()));

    const history = await historyOf(creator, groupId);
    expect(history.map(({ seq }) => seq)).toEqual(Array.from({ length: history.length }, (_, index) => index + 1));
    expect(history.at(-1)?.id).toBe(lastWord.id);
    const texts = history.flatMap(({ content }) => content.text ?? []);
    expect([texts.length, new Set(texts).size]).toEqual([TEXTS + 1, TEXTS + 1]);
    const { members: present } = await retried(() => creator.client.getGroup(groupId));
    const active = new Set(present.map(({ handle }) => handle));
    const isActive = (agent: SdkAgent) => staysOf(agent, history, agent === creator).at(-1)?.isOver === false;
    expect(active).toEqual(new Set(agents.filter(isActive).map(({ handle }) => handle)));
    for (const agent of agents) {
      const stays = staysOf(agent, history, agent === creator);
      await expectOneSequence(agent, groupId, stays);
      // The SDK fills gaps from history; the server must have left none.
      expect(await envelopesOf(agent, groupId)).toEqual(
        stays.flatMap(({ messages }) => messages.map(({ seq }) => seq)),
      );
    }
    for (const agent of agents.filter(({ handle }) => active.has(handle)).slice(-2)) {
      const cut = staysOf(agent, history, false).at(-1)?.messages[0]?.seq ?? 1;
      const shown = (await historyOf(agent, groupId)).map(lineOf);
      expect(shown).toEqual(history.filter(({ seq }) => seq >= cut).map(lineOf));
    }

    // What was kept for them and what came live went over one connection each, which no node's death broke.
    expect(late.map(({ repeats }) => repeats)).toEqual([0, 0, 0]);
    offline.disconnect();
    await setPause(database, paused.id, 'full', new Date());
    const unread = await say(creator, groupId, 'unread by some');
    await creator.client.deleteGroup(groupId);
    const notice = `${unread.seq + 1} ${creator.handle}: group_deleted ${creator.handle}`;
    // Over HTTP, too, the notice is all that is left for a member, and nothing is for those who were no members any more.
    expect(await retried(() => offline.client.sync())).toMatchObject([
      { conversation_id: groupId, seq: unread.seq + 1, content: { data: { event: 'group_deleted' } } },
    ]);
    for (const agent of agents.filter(({ handle }) => !active.has(handle))) {
      expect(await retried(() => agent.client.sync())).toEqual([]);
    }
    await setPause(database, paused.id, 'none', new Date());
    paused.disconnect();
    await Promise.all([offline.connect(), paused.connect()]);
    for (const agent of agents.filter(({ handle }) => active.has(handle))) {
      if (agent !== creator) await untilLast(agent, groupId, notice);
      await expect(retried(() => agent.client.getGroup(groupId))).rejects.toMatchObject({
        name: 'GroupDeletedError',
        groupId,
        deletedByHandle: creator.handle,
      });
    }
    for (const agent of [offline, paused]) {
      expect(agent.seenOf(groupId).map(({ id }) => id)).not.toContain(unread.id);
    }
    expect(late.map(({ repeats }) => repeats)).toEqual([0, 0, 0]);
    for (const agent of agents) agent.disconnect();
  });
});

/** Joins, leaves, removals, roles and a return, each through the SDK by whoever may. */
function changesOf(
  groupId: string,
  creator: SdkAgent,
  { newcomers, members }: { newcomers: SdkAgent[]; members: SdkAgent[] },
): (() => Promise<unknown>)[] {
  const [admin, second, leaver, removed, returning, ...rest] = members;
  if (!admin || !second || !leaver || !removed || !returning) throw new Error('more members are needed');
  const add = (by: SdkAgent, who: SdkAgent) => async () => {
    // Those who did not save this admin get an invitation, which the repeat of a lost answer names again.
    const { outcome, invite_id } = await retried(() => by.client.addGroupMember(groupId, who.handle));
    if (outcome === 'invited') {
      await effective(() => who.once.acceptGroupInvite(invite_id ?? ''), ['INVITE_NOT_FOUND']);
    }
  };
  const leave = (who: SdkAgent) => () => effective(() => who.once.leaveGroup(groupId), ['GROUP_NOT_FOUND']);
  const remove = (by: SdkAgent, who: SdkAgent) => () =>
    effective(() => by.once.removeGroupMember(groupId, who.handle), ['NOT_MEMBER']);
  const promote = (by: SdkAgent, who: SdkAgent) => () =>
    effective(() => by.once.promoteGroupMember(groupId, who.handle), ['NOT_MEMBER']);
  const demote = (by: SdkAgent, who: SdkAgent) => () =>
    effective(() => by.once.demoteGroupMember(groupId, who.handle), ['NOT_ADMIN']);
  return [
    promote(creator, admin),
    ...newcomers.map((who, index) => add(index % 2 === 0 ? creator : admin, who)),
    leave(leaver),
    remove(admin, removed),
    promote(admin, second),
    leave(returning),
    ...rest.slice(0, 3).map((who) => remove(creator, who)),
    add(creator, returning),
    demote(creator, second),
    ...rest.slice(3, 6).map(leave),
    leave(admin),
  ];
}

/** The time between a join and the end of it, with the messages in it that others wrote. */
interface Stay {
  messages: Message[];
  isOver: boolean;
}

/** When an agent was in the group, as its whole history tells. */
function staysOf({ handle }: SdkAgent, history: Message[], isCreator: boolean): Stay[] {
  const stays: Stay[] = isCreator ? [{ messages: [], isOver: false }] : [];
  for (const message of history) {
    const { event, agent_handle: about } = message.content.data ?? {};
    if (event === 'member_joined' && about === handle) stays.push({ messages: [], isOver: false });
    const stay = stays.at(-1);
    if (stay === undefined || stay.isOver) continue;
    if ((event === 'member_left' || event === 'member_removed') && about === handle) stay.isOver = true;
    else if (message.sender !== handle) stay.messages.push(message);
  }
  return stays;
}

/**
 * Everything of the stay that lasts, in order and nothing else; of a stay that ended its beginning: what was not
 * delivered by its end is lost with it.
 */
async function expectOneSequence(agent: SdkAgent, groupId: string, stays: Stay[]): Promise<void> {
  const last = stays.at(-1);
  if (last?.isOver === false) await untilLast(agent, groupId, lineOf(lastOf(last.messages)));
  const seen = agent.seenOf(groupId);
  const expected = stays.flatMap(({ messages, isOver }) => {
    const ids = new Set(messages.map(({ id }) => id));
    const count = isOver ? seen.filter(({ id }) => ids.has(id)).length : messages.length;
    return messages.slice(0, count).map(lineOf);
  });
  expect(seen.map(lineOf)).toEqual(expected);
}

function lastOf(messages: Message[]): Message {
  const last = messages.at(-1);
  if (last === undefined) throw new Error('nothing was said');
  return last;
}

function untilLast(agent: SdkAgent, groupId: string, line: string): Promise<unknown> {
  return waitFor(() => agent.seenOf(groupId).map(lineOf).at(-1) === line, {
    describe: `"${line}" at ${agent.handle}`,
  });
}

/** The whole history that an agent may see, oldest first. */
async function historyOf({ client }: SdkAgent, groupId: string): Promise<Message[]> {
  const all: Message[] = [];
  for (;;) {
    const afterSeq = all.at(-1)?.seq ?? 0;
    const page = await retried(() => client.getMessages(groupId, { afterSeq, limit: 100 }));
    all.push(...page);
    if (page.length < 100) return all;
  }
}

let texts = 0;

/** Sends one text for certain: the same client_msg_id until there is an answer. */
async function say({ client }: SdkAgent, groupId: string, text: string): Promise<Message> {
  const request = { conversation_id: groupId, client_msg_id: `crowd-${(texts += 1)}`, content: { text } };
  return (await retried(() => client.sendMessage(request))).message;
}

async function inBatches<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) {
    made.push(...(await Promise.all(Array.from({ length: Math.min(10, count - made.length) }, make))));
  }
  return made;
}
