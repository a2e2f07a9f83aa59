import type { ErrorCode } from '../../../contract/codes';
import type { TeamAnswer, TeamChatMode, TeamMode } from '../../../domain/team-turn';
import { collection, NUMBER, shape, STRING_OR_NULL } from './collection';

/** Agents that answer an owner together (gateway.md §5.4). */
export interface GatewayTeam {
  _id: string;
  ownerId: string;
  name: string;
  description: string | null;
  chatMode: TeamChatMode;
  /** In their order. */
  members: { agentId: string; role: string | null }[];
  /** Who sums up; null: the first member. It need not be a member. */
  summarizerId: string | null;
  maxRounds: number;
  createdAt: Date;
  updatedAt: Date;
}

/** An agent as it was when the turn began. */
export interface TeamMember {
  agentId: string;
  name: string;
  /** What it is in the team; null: nobody said. */
  role: string | null;
  /** Whether the caller has claimed it: others have to answer a first turn before a second one. */
  isOwned: boolean;
  /** Why it is not asked (gateway.md §1.2). Absent: it is. */
  refusal?: ErrorCode;
}

/** What became of one member's turn. */
export interface TeamOutcome {
  agentId: string;
  round: number;
  /** Null: it was not asked. */
  executionId: string | null;
  isAnswered: boolean;
  /** Why it was not asked. */
  refusal?: ErrorCode;
}

/** What a team's turn runs by: the team as it was when the turn began, and how far it has come. */
export interface TeamTurn {
  name: string;
  mode: TeamMode;
  rounds: number;
  members: TeamMember[];
  /** Who sums up; null: nobody. */
  summarizer: TeamMember | null;
  /** One for each member and round, in the order in which they ended. */
  outcomes: TeamOutcome[];
  /** Absent while the turn is open. */
  summary?: { source: 'agent' | 'fallback' | 'none'; executionId: string | null };
}

/** What a turn that a team's turn began is part of. */
export interface TeamPart {
  /** The turn of the team. */
  executionId: string;
  teamId: string;
  name: string;
  mode: TeamMode;
  round: number;
  rounds: number;
  role: 'member' | 'summarizer';
  /** What its agent is shown of the others' answers. */
  transcript: TeamAnswer[];
}

export const gatewayTeams = collection<GatewayTeam>({
  schema: shape({
    _id: 'string',
    ownerId: 'string',
    name: 'string',
    description: STRING_OR_NULL,
    chatMode: 'string',
    members: 'array',
    summarizerId: STRING_OR_NULL,
    maxRounds: NUMBER,
    createdAt: 'date',
    updatedAt: 'date',
  }),
  // listTeams and countTeams: those of an owner, the oldest first
  indexes: [{ name: 'owner_created', key: { ownerId: 1, createdAt: 1, _id: 1 } }],
});
