import { useState } from 'react';
import { activityLine, type ActivityLine } from '../model/activity';
import { agentPath } from '../model/route';
import { dayKey, dayLabel, momentLabel, timeLabel } from '../model/times';
import { useLive } from '../state/live';
import { useNowMs } from '../state/now';
import { useResource } from '../state/resource';
import { Link } from '../state/route';
import { useSession } from '../state/session';
import type { ActivityEvent } from '../model/wire';
import { Icon, type IconName } from '../ui/icons';
import { LoadMore } from '../ui/load-more';
import { Empty, Pending } from '../ui/states';

interface Feed {
  events: ActivityEvent[];
  nextBefore: string | null;
}

/** Everything that happened to the agent, with its messages or without. */
export function Activity({ handle }: { handle: string }) {
  const [withMessages, setWithMessages] = useState(true);
  return (
    <div className="page">
      <div className="page-head">
        <h2>Activity</h2>
        <div className="segments" role="group" aria-label="What is shown">
          <button type="button" aria-pressed={withMessages} onClick={() => setWithMessages(true)}>
            Everything
          </button>
          <button type="button" aria-pressed={!withMessages} onClick={() => setWithMessages(false)}>
            Account only
          </button>
        </div>
      </div>
      <FeedOf key={String(withMessages)} handle={handle} withMessages={withMessages} />
    </div>
  );
}

function FeedOf({ handle, withMessages }: { handle: string; withMessages: boolean }) {
  const { data, error, reload, loadMore } = useFeed(handle, withMessages);
  const nowMs = useNowMs();
  if (data === undefined) return <Pending error={error} onRetry={reload} />;
  if (data.events.length === 0) return <Empty icon="activity" title="Nothing happened yet" />;
  return (
    <>
      {byDay(data.events).map(({ key, events }) => (
        <section key={key} className="feed-day">
          <h3 className="caption">{dayLabel(events[0].created_at, nowMs)}</h3>
          <ol className="feed card">
            {events.map((event) => (
              <FeedRow key={`${event.id}-${event.action}`} handle={handle} event={event} />
            ))}
          </ol>
        </section>
      ))}
      {data.nextBefore !== null && <LoadMore key={data.nextBefore} label="Show earlier" load={loadMore} />}
    </>
  );
}

function useFeed(handle: string, withMessages: boolean) {
  const { calls } = useSession();
  const resource = useResource<Feed>(`events:${handle}:${String(withMessages)}`, async () => {
    const { events, next_before: nextBefore } = await calls.events(handle, withMessages);
    return { events, nextBefore };
  });
  useLive((event) => {
    if (event.type === 'resync') return resource.reload();
    if (event.type === 'hello.ok' || event.agent_handle !== handle) return;
    if (event.type === 'message.new' && withMessages) resource.reload();
    if (event.type === 'agent.changed' && event.scopes.includes('events')) resource.reload();
  });
  const loadMore = async (): Promise<void> => {
    const before = resource.data?.nextBefore ?? undefined;
    const page = await calls.events(handle, withMessages, before);
    resource.change(({ events }) => ({ events: [...events, ...page.events], nextBefore: page.next_before }));
  };
  return { ...resource, loadMore };
}

function byDay(events: readonly ActivityEvent[]): { key: string; events: [ActivityEvent, ...ActivityEvent[]] }[] {
  const days: { key: string; events: [ActivityEvent, ...ActivityEvent[]] }[] = [];
  for (const event of events) {
    const key = dayKey(event.created_at);
    const last = days.at(-1);
    if (last?.key === key) last.events.push(event);
    else days.push({ key, events: [event] });
  }
  return days;
}

const ICONS: Readonly<Record<string, IconName>> = {
  'agent.created': 'plus',
  'agent.claimed': 'key',
  'agent.released': 'signOut',
  'agent.claim_attempted': 'shield',
  'agent.claim_revoked': 'signOut',
  'agent.key_rotated': 'key',
  'agent.paused': 'pause',
  'agent.unpaused': 'play',
  'agent.blocked': 'blocks',
  'agent.unblocked': 'check',
  'message.sent': 'sent',
  'message.received': 'received',
};

const iconOf = (action: string): IconName => ICONS[action] ?? (action.startsWith('webhook.') ? 'hook' : 'info');

const ACTORS: Readonly<Record<ActivityEvent['actor_type'], string>> = {
  owner: 'An owner',
  agent: 'Your agent',
  system: 'The platform',
};

function FeedRow({ handle, event }: { handle: string; event: ActivityEvent }) {
  const line = activityLine(event);
  return (
    <li className={`feed-row ${line.tone}`}>
      <span className="feed-icon">
        <Icon name={iconOf(event.action)} size={17} />
      </span>
      <div className="feed-text">
        <p>
          {line.tone === 'security' && <span className="badge red">Security</span>}{' '}
          <FeedTitle handle={handle} line={line} />
        </p>
        {line.detail !== null && (
          <p className={line.tone === 'message' ? 'muted clip' : 'muted'} dir="auto">
            {line.detail}
          </p>
        )}
      </div>
      <span className="feed-when">
        {line.tone !== 'message' && line.tone !== 'security' && <span>{ACTORS[event.actor_type]}</span>}
        <time dateTime={event.created_at} title={momentLabel(event.created_at)}>
          {timeLabel(event.created_at)}
        </time>
      </span>
    </li>
  );
}

function FeedTitle({ handle, line }: { handle: string; line: ActivityLine }) {
  if (line.conversationId === undefined) return <strong>{line.title}</strong>;
  return <Link href={agentPath(handle, 'chats', line.conversationId)}>{line.title}</Link>;
}
