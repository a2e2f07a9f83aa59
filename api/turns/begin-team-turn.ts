import type { ErrorCode } from '../../contract/codes';
import { AppError, isAppError } from '../../contract/errors';
import {
  CONTENT_BYTES_MAX,
  TEAM_METADATA_BYTES_MAX,
  TEAM_ROLE_LENGTH_MAX,
  TURN_MESSAGE_BYTES_MAX,
} from '../../contract/limits';
import type { TeamChatBody } from '../../contract/teams';
import { modeOf, roundsOf, wantsSummary } from '../../domain/team-turn';
import { agentNameOf } from '../../presenters/gateway';
import type { AgentReader } from '../../store/agents/agents';
import { isAcquainted } from '../../store/gateway/contacts';
import type { AccountPrincipal } from '../../store/gateway/principals';
import { startOnce, type TurnReceipt } from '../../store/gateway/receipts';
import { currentSession, findSession } from '../../store/gateway/sessions';
import { agentsOfTeams } from '../../store/gateway/teams';
import type { GatewaySession } from '../../store/schema/collections/gateway';
import type { GatewayTeam, TeamMember, TeamTurn } from '../../store/schema/collections/gateway-teams';
import type { Database } from '../../store/schema/database';
import type { RateLimiter } from '../http/rate-limiter';
import type { BegunTurn } from './begin-turn';
import { findMember } from './find-agent';
import type { Turns } from './turns';

interface Deps {
  database: Database;
  agents: AgentReader;
  limiter: RateLimiter;
  turns: Turns;
}

interface Caller {
  principal: AccountPrincipal;
  now: Date;
  /** Of a call with an `Idempotency-Key`. */
  receipt: TurnReceipt | null;
}

/** Besides the user's message: what says to a member what it is to do, and its role, whose characters may be escaped. */
const FRAME_BYTES_MAX = 512 + 6 * TEAM_ROLE_LENGTH_MAX;

/**
 * Begins a turn of a caller with a team. Members that the caller may not chat with now are not asked, and stand among
 * the errors of the answer.
 * @throws AppError TEAM_EMPTY, CONTENT_TOO_LARGE, SESSION_NOT_FOUND, SESSION_CLOSED, TURN_QUEUE_FULL, RATE_LIMITED,
 * IDEMPOTENCY_KEY_CONFLICT
 */
export async function beginTeamTurn(
  deps: Deps,
  caller: Caller,
  team: GatewayTeam,
  body: TeamChatBody,
): Promise<BegunTurn> {
  const { principal, now } = caller;
  if (team.members.length === 0) throw new AppError('TEAM_EMPTY');
  refuseOversize(body.message);
  const deadlineAt = new Date(now.getTime() + body.timeout_seconds * 1_000);
  return startOnce(deps.database, caller.receipt, now, async (receipt) => {
    const named = await findNamed(deps.database, principal, team, body.conversation_id);
    const plan = await planOf(deps, principal, team, body);
    const session = named ?? (await currentSession(deps.database, principal, team._id, now, { kind: 'team' }));
    return deps.turns.start({
      session,
      channel: 'team',
      contactOf: null,
      message: body.message,
      wantsStream: false,
      hints: {},
      receipt,
      waitUntil: deadlineAt,
      deadlineAt,
      now,
      team: plan,
    });
  });
}

function refuseOversize(message: string): void {
  const stored = Buffer.byteLength(JSON.stringify({ text: message })) + TEAM_METADATA_BYTES_MAX + FRAME_BYTES_MAX;
  if (Buffer.byteLength(message) <= TURN_MESSAGE_BYTES_MAX && stored <= CONTENT_BYTES_MAX) return;
  throw new AppError('CONTENT_TOO_LARGE', { max_bytes: TURN_MESSAGE_BYTES_MAX });
}

/** @throws AppError SESSION_NOT_FOUND, SESSION_CLOSED */
async function findNamed(
  database: Database,
  principal: AccountPrincipal,
  { _id: agentId }: GatewayTeam,
  id: string | undefined,
): Promise<GatewaySession | null> {
  if (id === undefined) return null;
  const session = await findSession(database, id, { principal, agentId });
  if (session === null) throw new AppError('SESSION_NOT_FOUND');
  if (session.status === 'closed') throw new AppError('SESSION_CLOSED');
  return session;
}

/** The team as it is now: what the turn runs by, whatever is changed in the team meanwhile. */
async function planOf(
  deps: Deps,
  principal: AccountPrincipal,
  team: GatewayTeam,
  body: TeamChatBody,
): Promise<TeamTurn> {
  const mode = modeOf(body.mode ?? team.chatMode, body.message);
  const rows = team.members.map(({ agentId, role }) => ({ agentId, role }));
  const hasSummary = wantsSummary(mode, body.summary, team.summarizerId !== null);
  const other = hasSummary && team.summarizerId !== null && !rows.some(({ agentId }) => agentId === team.summarizerId);
  const asked = other ? [...rows, { agentId: team.summarizerId ?? '', role: null }] : rows;
  const known = await agentsOfTeams(deps.database, [{ members: asked }]);
  const all: TeamMember[] = [];
  for (const { agentId, role } of asked) {
    const agent = known.get(agentId);
    const name = agent === undefined ? agentId : agentNameOf(agent);
    all.push({ agentId, name, role, ...(await accessTo(deps, principal, agentId)) });
  }
  const members = all.slice(0, rows.length);
  const usual = members.find(({ refusal }) => refusal === undefined) ?? members[0] ?? null;
  const summarizer =
    team.summarizerId === null ? usual : (all.find(({ agentId }) => agentId === team.summarizerId) ?? null);
  return {
    name: team.name,
    mode,
    rounds: roundsOf(mode, body.rounds, team.maxRounds),
    members,
    summarizer: hasSummary ? summarizer : null,
    outcomes: [],
  };
}

/** Whether the member is asked (gateway.md §1.2); a first contact of the account counts. @throws AppError RATE_LIMITED */
async function accessTo(
  deps: Deps,
  principal: AccountPrincipal,
  agentId: string,
): Promise<{ isOwned: boolean; refusal?: ErrorCode }> {
  const { ownerId } = principal;
  try {
    const { isOwned } = await findMember(deps, principal, agentId);
    if (!isOwned && !(await isAcquainted(deps.database, { ownerId, agentId }))) {
      await deps.limiter.countGateway('first_contacts', ownerId);
    }
    return { isOwned };
  } catch (error) {
    if (!isAppError(error) || error.code === 'RATE_LIMITED') throw error;
    return { isOwned: false, refusal: error.code };
  }
}
