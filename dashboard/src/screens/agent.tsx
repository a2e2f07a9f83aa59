import { useEffect } from 'react';
import { lightOf } from '../model/agents';
import { nameOf } from '../model/names';
import { agentPath, SECTIONS, type Route, type Section } from '../model/route';
import { remember, STORED } from '../net/browser';
import { Link } from '../state/route';
import { usePause } from '../state/pause';
import { useOwner } from '../state/session';
import type { ClaimedAgent } from '../model/wire';
import { AgentAvatar } from '../ui/avatar';
import { Badges } from '../ui/badges';
import { Icon, type IconName } from '../ui/icons';
import { problemText } from '../ui/problem';
import { Empty } from '../ui/states';
import { Activity } from './activity';
import { Blocks } from './blocks';
import { Chats } from './chats';
import { Contacts } from './contacts';
import { Settings } from './settings';
import { Talk } from './talk';
import { Webhooks } from './webhooks';

const NAMES: Readonly<Record<Section, { text: string; icon: IconName }>> = {
  chats: { text: 'Chats', icon: 'chats' },
  talk: { text: 'Talk', icon: 'talk' },
  contacts: { text: 'Contacts', icon: 'people' },
  blocks: { text: 'Blocks', icon: 'blocks' },
  activity: { text: 'Activity', icon: 'activity' },
  webhooks: { text: 'Webhooks', icon: 'hook' },
  settings: { text: 'Settings', icon: 'settings' },
};

type AgentRoute = Extract<Route, { screen: 'agent' }>;

/** One claimed agent: its head, its sections, and the one that is open. */
export function AgentScreen({ route }: { route: AgentRoute }) {
  const { agents } = useOwner();
  const agent = agents.find(({ handle }) => handle === route.handle);
  useEffect(() => {
    if (agent === undefined) return;
    remember(STORED.lastAgent, agent.handle);
    document.title = `${NAMES[route.section].text} · ${nameOf(agent)} · AgentChat`;
  }, [agent, route.section]);
  if (agent === undefined) {
    return (
      <Empty icon="info" title={`@${route.handle} is not among your agents`}>
        It was released, its key was changed, or you never claimed it. <Link href="/app">Go to your agents</Link>
      </Empty>
    );
  }
  return (
    <div className={`agent-screen ${route.conversationId === null ? '' : 'in-thread'}`}>
      <AgentHead agent={agent} section={route.section} />
      {route.section !== 'settings' && agent.paused_by_owner !== 'none' && <PauseBar agent={agent} />}
      <section className="agent-body" aria-label={NAMES[route.section].text}>
        <SectionBody agent={agent} route={route} />
      </section>
    </div>
  );
}

function AgentHead({ agent, section }: { agent: ClaimedAgent; section: Section }) {
  return (
    <header className="agent-head">
      <div className="agent-id">
        <AgentAvatar agent={agent} light={lightOf(agent)} />
        <div className="clip">
          <h1 className="clip">{nameOf(agent)}</h1>
          <p className="agent-sub">
            <span className="muted clip">@{agent.handle}</span>
            <Badges agent={agent} />
          </p>
        </div>
      </div>
      <nav className="sections" aria-label={`Sections of @${agent.handle}`}>
        {SECTIONS.map((name) => (
          <Link key={name} href={agentPath(agent.handle, name)} aria-current={name === section ? 'page' : undefined}>
            <Icon name={NAMES[name].icon} />
            <span>{NAMES[name].text}</span>
          </Link>
        ))}
      </nav>
    </header>
  );
}

const PAUSED = {
  send: 'Sending is paused. It still receives every message.',
  full: 'Everything is paused. Messages to it are kept until you resume.',
} as const;

/** Says wherever the agent is looked at that it cannot answer, and lets it go on. */
function PauseBar({ agent }: { agent: ClaimedAgent }) {
  const { isBusy, error, choose } = usePause(agent);
  if (agent.paused_by_owner === 'none') return null;
  return (
    <div className="pause-bar" role="status">
      <Icon name="pause" size={18} />
      <p>{error === null ? PAUSED[agent.paused_by_owner] : problemText(error)}</p>
      <button type="button" className="button" disabled={isBusy} onClick={() => choose('none')}>
        Resume
      </button>
    </div>
  );
}

function SectionBody({ agent, route }: { agent: ClaimedAgent; route: AgentRoute }) {
  switch (route.section) {
    case 'chats':
      return <Chats handle={agent.handle} conversationId={route.conversationId} />;
    case 'talk':
      return <Talk agent={agent} sessionId={route.conversationId} />;
    case 'contacts':
      return <Contacts handle={agent.handle} />;
    case 'blocks':
      return <Blocks handle={agent.handle} />;
    case 'activity':
      return <Activity handle={agent.handle} />;
    case 'webhooks':
      return <Webhooks agent={agent} webhookId={route.conversationId} />;
    case 'settings':
      return <Settings agent={agent} />;
  }
}
