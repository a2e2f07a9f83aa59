import { waitingText, type Ending, type TalkItem } from '../model/talk';
import { momentLabel, timeLabel } from '../model/times';
import { hasEnded, type Turn, type TurnTool } from '../model/turn';
import { useAction } from '../state/action';
import { useScroll } from '../state/scroll';
import { useSession } from '../state/session';
import { Icon } from '../ui/icons';
import { LoadMore } from '../ui/load-more';
import { problemText } from '../ui/problem';
import { Empty } from '../ui/states';
import { Day } from './thread-items';

interface MessagesProps {
  items: readonly TalkItem[];
  name: string;
  /** Reads further back; null: there is nothing. */
  older: (() => Promise<void>) | null;
  /** Says something again; null: the reader only looks on. */
  say: ((message: string, again?: Turn) => void) | null;
}

/** What was said in a chat, oldest at the top, with the answer that is coming. */
export function ChatMessages({ items, name, older, say }: MessagesProps) {
  const { scroll, onScroll, isBehind, toEnd } = useScroll(firstOf(items), sizeOf(items));
  return (
    <div className="thread-frame">
      <div className="thread-scroll" ref={scroll} onScroll={onScroll} tabIndex={0} role="region" aria-label="Messages">
        {older !== null && <LoadMore key={items[1]?.key} label="Show older messages" load={older} />}
        {items.length === 0 && <Empty icon="talk" title="Nothing was said here yet" />}
        <ol className="messages" role="log" aria-live="polite" aria-relevant="additions">
          {items.map((item) => (
            <Item key={item.key} item={item} name={name} say={say} />
          ))}
        </ol>
      </div>
      {isBehind && (
        <button type="button" className="to-end" onClick={toEnd}>
          <Icon name="down" size={16} /> New messages
        </button>
      )}
    </div>
  );
}

const firstOf = ([first]: readonly TalkItem[]): number => (first?.kind === 'day' ? Date.parse(first.at) : 0);

/** Rises with whatever comes, also with each piece of an answer. */
function sizeOf(items: readonly TalkItem[]): number {
  const last = items.at(-1);
  return items.length * 1_000_000 + (last?.kind === 'answer' ? last.turn.text.length + last.turn.tools.length : 0);
}

function Item({ item, name, say }: { item: TalkItem } & Pick<MessagesProps, 'name' | 'say'>) {
  switch (item.kind) {
    case 'day':
      return <Day at={item.at} />;
    case 'said':
      return <Said item={item} />;
    case 'answer':
      return <Answer turn={item.turn} name={name} canStop={say !== null} />;
    case 'ending':
      return (
        <End ending={item.ending} onAgain={say === null ? null : () => say(item.message, item.turn ?? undefined)} />
      );
  }
}

function Said({ item: { isOwn, text, at, isLate } }: { item: Extract<TalkItem, { kind: 'said' }> }) {
  return (
    <li className={`cluster ${isOwn ? 'own' : 'other'}`}>
      <div className="bubbles">
        <article className="bubble" aria-label={isOwn ? 'Said to the agent' : 'Said by the agent'}>
          <p className="bubble-text" dir="auto">
            {text}
          </p>
          <footer className="bubble-foot">
            {isLate && <span>came late ·</span>}
            <time dateTime={at} title={momentLabel(at)}>
              {timeLabel(at)}
            </time>
          </footer>
        </article>
      </div>
    </li>
  );
}

/** The answer as far as it has come, and how it stands. */
function Answer({ turn, name, canStop }: { turn: Turn; name: string; canStop: boolean }) {
  const isOpen = !hasEnded(turn);
  return (
    <li className="cluster other" aria-busy={isOpen}>
      <div className="bubbles">
        {turn.tools.length > 0 && <Tools tools={turn.tools} />}
        {turn.text !== '' && (
          <article className="bubble" aria-label="Said by the agent">
            <p className={`bubble-text ${isOpen ? 'coming' : ''}`} dir="auto">
              {turn.text}
            </p>
          </article>
        )}
        {isOpen && (
          <div className="answer-state">
            <span className={`dots ${turn.isBroken ? 'broken' : ''}`} aria-hidden="true">
              <i />
              <i />
              <i />
            </span>
            <span role="status">{waitingText(turn, name)}</span>
            {canStop && turn.executionId !== null && <Stop turn={turn} executionId={turn.executionId} />}
          </div>
        )}
      </div>
    </li>
  );
}

function Stop({ turn, executionId }: { turn: Turn; executionId: string }) {
  const { calls } = useSession();
  const { isBusy, error, run } = useAction();
  // What became of it comes over the stream: an answer that was there first wins.
  const stop = (): void => run(async () => void (await calls.stopTurn(turn.handle, executionId)));
  return (
    <>
      <button type="button" className="button small" disabled={isBusy} onClick={stop}>
        <Icon name="stop" size={15} /> Stop
      </button>
      {error !== null && <span role="alert">{problemText(error)}</span>}
    </>
  );
}

const TOOL_STATES: Readonly<Record<TurnTool['state'], string>> = { running: 'running', done: 'done', failed: 'failed' };

function Tools({ tools }: { tools: readonly TurnTool[] }) {
  return (
    <ul className="tools" aria-label="Tools that the agent uses">
      {tools.map(({ id, name, state }) => (
        <li key={id} className={`tool ${state}`}>
          {name} <span className="muted">{TOOL_STATES[state]}</span>
        </li>
      ))}
    </ul>
  );
}

/** No answer came: why, and the way to say it once more. */
function End({ ending, onAgain }: { ending: Ending; onAgain: (() => void) | null }) {
  return (
    <li className="ending">
      <span className={ending.kind === 'failed' ? 'ending-text failed' : 'ending-text'}>
        <Icon name={ending.kind === 'failed' ? 'info' : 'stop'} size={15} />
        {ending.kind === 'failed' ? ending.text : 'Stopped'}
      </span>
      {onAgain !== null && (
        <button type="button" className="button small" onClick={onAgain}>
          <Icon name="again" size={15} /> Send again
        </button>
      )}
    </li>
  );
}
