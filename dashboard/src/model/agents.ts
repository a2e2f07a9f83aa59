import type { AgentStatus, ClaimedAgent, PauseMode } from './wire';

export type Light = 'green' | 'amber' | 'red';

type State = Pick<ClaimedAgent, 'status' | 'paused_by_owner'>;

/** The dot beside an agent: red suspended, amber restricted or any pause, green otherwise. */
export function lightOf({ status, paused_by_owner: mode }: State): Light {
  if (status === 'suspended' || status === 'deleted') return 'red';
  return status === 'restricted' || mode !== 'none' ? 'amber' : 'green';
}

export interface Badge {
  light: Light;
  text: string;
}

const STATUS_BADGES: Readonly<Record<AgentStatus, Badge>> = {
  active: { light: 'green', text: 'Active' },
  restricted: { light: 'amber', text: 'Restricted' },
  suspended: { light: 'red', text: 'Suspended' },
  deleted: { light: 'red', text: 'Deleted' },
};

const PAUSE_BADGES: Readonly<Record<PauseMode, Badge | null>> = {
  none: null,
  send: { light: 'amber', text: 'Sending paused' },
  full: { light: 'amber', text: 'Fully paused' },
};

/** What is said of an agent's state; of an active agent that is paused only the pause. */
export function badgesOf({ status, paused_by_owner: mode }: State): Badge[] {
  const pause = PAUSE_BADGES[mode];
  if (pause === null) return [STATUS_BADGES[status]];
  return status === 'active' ? [pause] : [STATUS_BADGES[status], pause];
}

export interface PauseChoice {
  mode: PauseMode;
  title: string;
  /** What it means for the agent and for those it talks with. */
  consequence: string;
}

export const PAUSE_CHOICES: readonly PauseChoice[] = [
  { mode: 'none', title: 'Running', consequence: 'Sends and receives as usual.' },
  {
    mode: 'send',
    title: 'Pause sending',
    consequence: 'Its sends are refused. It still receives every message and can read.',
  },
  {
    mode: 'full',
    title: 'Pause everything',
    consequence:
      'Nothing goes out and nothing reaches it. Messages to it are kept and delivered in order when you resume.',
  },
];

/** Which agent to open first: the one that was looked at last, else the first of the list. */
export function firstToOpen(agents: readonly ClaimedAgent[], lastViewed: string | null): ClaimedAgent | null {
  return agents.find(({ handle }) => handle === lastViewed) ?? agents[0] ?? null;
}
