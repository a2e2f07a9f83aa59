import { createLogger } from '../../platform/logger';
import { newGatewayId } from '../../platform/ids';
import { createAgentReader } from '../../store/agents/agents';
import { listExecutions } from '../../store/gateway/executions';
import { handOver } from '../../store/gateway/hand-over';
import { ownerPrincipal } from '../../store/gateway/principals';
import { currentSession } from '../../store/gateway/sessions';
import { memberSessions } from '../../store/gateway/team-sessions';
import {
  endTeamTurn,
  findAnswers,
  findParts,
  loadTeamTurn,
  noteOutcome,
  openTeamTurn,
  partId,
  settleTeamStarted,
  startPart,
  teamFlowInputOf,
} from '../../store/gateway/team-turns';
import {
  addMember,
  agentsOfTeams,
  deleteTeam,
  insertTeam,
  listTeams,
  loadTeam,
  removeMember,
  updateTeam,
} from '../../store/gateway/teams';
import { endTurn, startTurn } from '../../store/gateway/turns';
import type { GatewaySession } from '../../store/schema/collections/gateway';
import type { GatewayTeam } from '../../store/schema/collections/gateway-teams';
import { createCommitter, type Committer } from '../../store/sending/committer';
import { createTestAgents } from '../support/agents';
import { useDatabase } from '../support/database';
import { expectOwnRowsOnly, rowNumbers, testOwnRowsOnly, type NamedCall } from '../support/own-rows';

/** So many teams and team turns of others: what one costs must not grow with them. */
const OTHERS = 2_000;
const DOCS_MAX = 5;
const now = new Date();
const deadlineAt = new Date(now.getTime() + 180_000);

describe('queries of teams', () => {
  const database = useDatabase({ isMonitored: true });
  const user = ownerPrincipal({ id: 'own_user', displayName: null });
  let committer: Committer;

  const teamRow = (index: number, change: Partial<GatewayTeam> = {}): GatewayTeam => ({
    _id: `team_${index}`,
    ownerId: `own_${index}`,
    name: 'Crew',
    description: null,
    chatMode: 'auto',
    members: [{ agentId: 'agt_first', role: null }],
    summarizerId: null,
    maxRounds: 5,
    createdAt: now,
    updatedAt: now,
    ...change,
  });

  beforeAll(async () => {
    committer = createCommitter({
      database,
      agents: createAgentReader(database),
      clock: { now: () => new Date() },
      log: createLogger('test', 'silent'),
      limitRate: false,
      observe: () => undefined,
    });
    const rows = rowNumbers(OTHERS);
    await database.gatewayTeams.insertMany(rows.map((index) => teamRow(index)));
    await database.outbox.insertMany(
      rows.map((index) => ({
        _id: `obx_t${index}`,
        kind: 'team-turn.started' as const,
        executionId: `exe_o${index}`,
        createdAt: now,
      })),
    );
  });

  const expectOwnRows = (work: () => Promise<unknown>) => expectOwnRowsOnly(database, work, DOCS_MAX);

  const small: NamedCall[] = [
    ['a new team', () => insertTeam(database, teamRow(-1, { ownerId: user.ownerId }))],
    ['teams of an owner', () => listTeams(database, 'own_7')],
    ['a team', () => loadTeam(database, 'own_7', 'team_7')],
    ['its members', () => agentsOfTeams(database, [teamRow(7)])],
    ['a change', () => updateTeam(database, teamRow(7), { name: 'Fleet' }, now)],
    ['a new member', () => addMember(database, teamRow(7), { agentId: 'agt_new', role: null }, now)],
    ['its role', () => addMember(database, teamRow(7), { agentId: 'agt_new', role: 'critic' }, now)],
    ['its leave', () => removeMember(database, teamRow(7), 'agt_new', now)],
    ['the end of a team', () => deleteTeam(database, teamRow(7), now)],
    ['a row of a turn that started', () => settleTeamStarted(database, 'exe_o7')],
  ];

  testOwnRowsOnly(database, small, DOCS_MAX);

  test('a turn of a team from its start to its end looks at its own rows', async () => {
    const members = (await createTestAgents(database, 2)).map(({ agent }) => agent);
    const ids = members.map(({ _id }) => _id);
    const teamId = newGatewayId('team');
    let executionId = '';
    let session: GatewaySession | undefined;
    const turn = {
      contactOf: null,
      message: 'Hi',
      wantsStream: false,
      hints: {},
      waitUntil: deadlineAt,
      deadlineAt,
      now,
    };
    const load = async () => {
      const loaded = await loadTeamTurn(database, executionId);
      if (loaded === null) throw new Error('the turn is gone');
      return loaded;
    };
    await expectOwnRows(async () => {
      session = await currentSession(database, user, teamId, now, { kind: 'team' });
      const plan = ids.map((agentId) => ({ agentId, name: 'A', role: null, isOwned: true }));
      const team = {
        name: 'Crew',
        mode: 'parallel',
        rounds: 1,
        members: plan,
        summarizer: null,
        outcomes: [],
      } as const;
      const started = await startTurn(database, {
        ...turn,
        session,
        channel: 'team',
        team: { ...team, members: plan, outcomes: [] },
      });
      executionId = started._id;
      await teamFlowInputOf(database, executionId);
      expect(await handOver({ database, committer, clock: { now: () => now } }, executionId)).toEqual({
        state: 'waiting',
      });
      expect(await openTeamTurn(database, await load(), now)).toBe(true);
    });
    await expectOwnRows(async () => {
      if (session === undefined) throw new Error('no session');
      const parts = await memberSessions(database, session, ids, now);
      for (const agentId of ids) {
        const own = parts.get(agentId);
        if (own === undefined) throw new Error('no part');
        const id = partId(executionId, { agentId, round: 1 });
        const part = { teamId, name: 'Crew', mode: 'parallel', round: 1, rounds: 1, role: 'member' } as const;
        const begun = { ...turn, id, session: own, channel: 'team' as const };
        await startPart(database, { ...begun, teamPart: { ...part, executionId, transcript: [] } });
        await startPart(database, { ...begun, teamPart: { ...part, executionId, transcript: [] } });
        await endTurn(database, id, { status: 'cancelled', at: now });
        await noteOutcome(database, executionId, { agentId, round: 1, executionId: id, isAnswered: true }, now);
        await noteOutcome(database, executionId, { agentId, round: 1, executionId: id, isAnswered: true }, now);
      }
    });
    const { execution } = await load();
    expect(execution.team.outcomes).toHaveLength(2);
    expect(execution.lastEvent).toBe(4);
    const guest = await database.agents.findOne({ _id: session?.guestId ?? '' });
    expect(guest?.guestOf).toEqual(ids);
    await expectOwnRows(async () => {
      await findAnswers(database, execution);
      await findParts(
        database,
        ids.map((agentId) => partId(executionId, { agentId, round: 1 })),
      );
      const summary = { source: 'none', executionId: null } as const;
      await endTeamTurn(database, executionId, { status: 'completed', summary, text: '', at: now });
      await listExecutions(database, { agentId: teamId, principal: user, limit: 20 });
      await deleteTeam(database, teamRow(0, { _id: teamId }), now);
    });
  });

  test('two processes that ask the same member at once ask it once', async () => {
    const [{ agent }] = await createTestAgents(database, 1);
    const teamId = newGatewayId('team');
    const session = await currentSession(database, user, teamId, now, { kind: 'team' });
    const own = await Promise.all([1, 2, 3].map(() => memberSessions(database, session, [agent._id], now)));
    expect(new Set(own.map((sessions) => sessions.get(agent._id)?._id)).size).toBe(1);
    const part = own[0]?.get(agent._id);
    if (part === undefined) throw new Error('no part');
    const id = partId('exe_team', { agentId: agent._id, round: 1 });
    const turn = {
      contactOf: null,
      message: 'Hi',
      wantsStream: false,
      hints: {},
      waitUntil: deadlineAt,
      deadlineAt,
      now,
    };
    const begun = await Promise.all(
      [1, 2, 3].map(() => startPart(database, { ...turn, id, session: part, channel: 'team' })),
    );
    expect(begun.map(({ _id }) => _id)).toEqual([id, id, id]);
    expect((await database.gatewaySessions.findOne({ _id: part._id }))?.turns).toEqual([id]);
    expect(await database.outbox.countDocuments({ executionId: id })).toBe(1);
  });
});
