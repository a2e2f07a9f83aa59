import { MongoNetworkError, type ClientSession } from 'mongodb';
import { groupGuardId, type GroupGuard } from '../../domain/group';
import { makeGroup } from '../../bench/group-fixture';
import { createAgentReader } from '../../store/agents/agents';
import { leaveChange, updateChange } from '../../store/groups/group-changes';
import { addChange } from '../../store/groups/group-joins';
import { addContact } from '../../store/contacts/relations';
import type { Database } from '../../store/schema/database';
import { createCommitter } from '../../store/sending/committer';
import { createTestAgents } from '../support/agents';
import { useDatabase } from '../support/database';

/** A commit that the server made and whose answer did not come through. */
describe('a change of a group whose answer is lost', () => {
  const database = useDatabase();

  const committerOn = (used: Database) =>
    createCommitter({
      database: used,
      agents: createAgentReader(used),
      clock: { now: () => new Date() },
      log: { error: () => undefined } as never,
      limitRate: false,
      observe: () => undefined,
    });

  /** The database as a process sees it whose connection breaks right after its first commit; `between` runs then. */
  function losingFirstAnswer(between: () => Promise<unknown>): Database {
    let isLost = false;
    const startSession = (): ClientSession => {
      const session = database.client.startSession();
      const commit = session.commitTransaction.bind(session);
      session.commitTransaction = async () => {
        await commit();
        if (isLost) return;
        isLost = true;
        await between();
        const error = new MongoNetworkError('connection closed');
        error.addErrorLabel('UnknownTransactionCommitResult');
        throw error;
      };
      return session;
    };
    const client = new Proxy(database.client, {
      get: (target, name) =>
        name === 'startSession' ? startSession : (Reflect.get(target, name, target) as unknown as object),
    });
    return { ...database, client };
  }

  const rename = (groupId: string, caller: Awaited<ReturnType<typeof two>>[0], name: string) =>
    updateChange(groupId, caller.agent, { name }, { shownAvatar: () => null, onUnused: () => undefined });
  const two = () => createTestAgents(database, 2);
  const groupOf = (members: Awaited<ReturnType<typeof two>>) =>
    makeGroup(
      database,
      members.map(({ agent, apiKey }) => ({ id: agent._id, handle: agent.handle, key: apiKey })),
    );
  const said = async (groupId: string) =>
    (await database.messages.find({ conversationId: groupId, type: 'system' }).sort({ seq: 1 }).toArray()).map(
      ({ content }) => content,
    );

  test('it is made once, although another process changed the group before the repeat', async () => {
    const members = await two();
    const groupId = await groupOf(members);
    const before = (await said(groupId)).length;
    const other = committerOn(database);
    const losing = losingFirstAnswer(async () => {
      for (let index = 0; index < 5; index += 1) await other.change(rename(groupId, members[0], `later ${index}`));
    });
    await committerOn(losing).change(rename(groupId, members[0], 'first'));
    const guard = await database.guards.findOne<GroupGuard>({ _id: groupGuardId(groupId) });
    expect(guard?.name).toBe('later 4');
    const texts = (await said(groupId)).slice(before);
    expect(texts).toHaveLength(6);
    expect(texts[0]).toContain('first');
  });

  test('who was added and left before the repeat is not added again', async () => {
    const members = await two();
    const [joiner] = await two();
    const groupId = await groupOf(members);
    await addContact(database, { from: joiner.agent._id, to: members[0].agent._id, at: new Date() });
    const adding = { caller: members[0].agent, target: joiner.agent, mode: 'auto_contacts' } as const;
    const reads = { database, agents: createAgentReader(database) };
    const losing = losingFirstAnswer(() => committerOn(database).change(leaveChange(reads, groupId, joiner.agent)));
    await committerOn(losing).change(addChange(reads, groupId, adding));
    const guard = await database.guards.findOne<GroupGuard>({ _id: groupGuardId(groupId) });
    expect(guard?.members.map(({ agentId }) => agentId).sort()).toEqual(members.map(({ agent }) => agent._id).sort());
  });
});
