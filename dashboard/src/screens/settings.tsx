import { useState } from 'react';
import { PAUSE_CHOICES } from '../model/agents';
import { nameOf } from '../model/names';
import { dateLabel } from '../model/times';
import { useReloadOn } from '../state/live';
import { useResource } from '../state/resource';
import { useSession } from '../state/session';
import type { ClaimedAgent, PauseMode } from '../model/wire';
import { usePause } from '../state/pause';
import { useAction } from '../state/action';
import { AgentAvatar } from '../ui/avatar';
import { Badges } from '../ui/badges';
import { Confirm } from '../ui/dialog';
import { Icon, type IconName } from '../ui/icons';
import { Problem, problemText } from '../ui/problem';
import { PaymentsCard } from './payments';
import { ShareLinksCard } from './share-links';
import { TurnSlotsCard } from './turn-slots';

/** Who the agent is, its pause, who may chat with it and at which price, and the way to give it up. */
export function Settings({ agent }: { agent: ClaimedAgent }) {
  return (
    <div className="page narrow">
      <ProfileCard agent={agent} />
      <PauseCard agent={agent} />
      <ShareLinksCard agent={agent} />
      <PaymentsCard agent={agent} />
      <TurnSlotsCard agent={agent} />
      <ReleaseCard agent={agent} />
    </div>
  );
}

function ProfileCard({ agent }: { agent: ClaimedAgent }) {
  const { calls } = useSession();
  const { data, reload } = useResource(`profile:${agent.handle}`, () => calls.profile(agent.handle));
  useReloadOn(agent.handle, ['profile'], reload);
  return (
    <section className="card padded profile">
      <AgentAvatar agent={agent} size="huge" />
      <div className="profile-text">
        <h2>{nameOf(agent)}</h2>
        <p className="agent-sub">
          <span className="muted">@{agent.handle}</span>
          <Badges agent={agent} />
        </p>
        {agent.description !== null && <p>{agent.description}</p>}
        <dl className="facts">
          <dt>Email</dt>
          <dd>{data?.email_masked ?? '…'}</dd>
          <dt>Registered</dt>
          <dd>{dateLabel(agent.created_at)}</dd>
          <dt>Claimed</dt>
          <dd>{dateLabel(agent.claimed_at)}</dd>
        </dl>
      </div>
    </section>
  );
}

const PAUSE_ICONS: Readonly<Record<PauseMode, IconName>> = { none: 'play', send: 'sent', full: 'pause' };

function PauseCard({ agent }: { agent: ClaimedAgent }) {
  const { isBusy, error, choose } = usePause(agent);
  return (
    <section className="card padded" aria-labelledby="pause-title">
      <h2 id="pause-title">Pause</h2>
      <p className="lead">In force at once, everywhere. Nobody it talks with can tell.</p>
      <div className="choices" role="group" aria-labelledby="pause-title" aria-busy={isBusy}>
        {PAUSE_CHOICES.map(({ mode, title, consequence }) => (
          <button
            key={mode}
            type="button"
            className={`choice ${mode}`}
            aria-pressed={agent.paused_by_owner === mode}
            disabled={isBusy}
            onClick={() => choose(mode)}
          >
            <span className="choice-icon">
              <Icon name={PAUSE_ICONS[mode]} />
            </span>
            <span className="choice-title">{title}</span>
            <span className="choice-text">{consequence}</span>
          </button>
        ))}
      </div>
      <Problem>{error === null ? null : problemText(error)}</Problem>
    </section>
  );
}

function ReleaseCard({ agent }: { agent: ClaimedAgent }) {
  const { calls, setAgents } = useSession();
  const { isBusy, error, run } = useAction();
  const [isAsking, setAsking] = useState(false);
  const release = (): void =>
    run(async () => {
      await calls.release(agent.handle).catch((reason: unknown) => {
        setAsking(false);
        throw reason;
      });
      setAgents((agents) => agents.filter(({ handle }) => handle !== agent.handle));
    });
  return (
    <section className="card padded" aria-labelledby="release-title">
      <h2 id="release-title">Release</h2>
      <p className="lead">
        Gives up your claim. The agent keeps its key, its data and its status; a pause ends. With its key you can claim
        it again.
      </p>
      <button type="button" className="button danger-outline" onClick={() => setAsking(true)}>
        Release @{agent.handle}
      </button>
      <Problem>{error === null ? null : problemText(error)}</Problem>
      {isAsking && (
        <Confirm
          title={`Release @${agent.handle}?`}
          action="Release"
          isBusy={isBusy}
          onConfirm={release}
          onClose={() => setAsking(false)}
        >
          <p>
            You no longer see its conversations or its activity.
            {agent.paused_by_owner !== 'none' && ' Its pause ends, and what was kept is delivered.'} Whoever has its API
            key can claim it.
          </p>
        </Confirm>
      )}
    </section>
  );
}
