import '../styles/tokens.css';
import '../styles/base.css';
import './chat.css';
import type { TurnEvent } from './event-reader';
import { LinkClient, Refusal, type Kept, type LinkState } from './link-client';
import { wordsFor } from './problems';
import { addAnswer, addMessage, say, setBusy, showAgent, showConversation, showForm, view } from './view';

const token = location.pathname.split('/').at(-1) ?? '';
const client = new LinkClient(token);
const place = `agentchat.link.${token}`;
let link: LinkState | null = null;
let kept: Kept = readKept();
/** Whoever stops an answer before the page knows which turn it is of stops it as soon as it does. */
let isStopAsked = false;
/** What may have arrived though no answer came: said again it is the same call, and begins no second turn. */
let unheard: { message: string; key: string } | null = null;

/** What an earlier visit left; a browser that keeps nothing has a new visitor each time. */
function readKept(): Kept {
  try {
    return JSON.parse(localStorage.getItem(place) ?? '{}') as Kept;
  } catch {
    return {};
  }
}

function keep(change: Kept): void {
  kept = { ...kept, ...change };
  try {
    localStorage.setItem(place, JSON.stringify(kept));
  } catch {
    // Private windows may refuse: the chat works on as long as the page is open.
  }
}

async function open(): Promise<void> {
  link = await client.state();
  if (!link.valid) return closed();
  showAgent(link);
  if (link.require_email && kept.session_token === undefined) {
    showConversation([], link.welcome);
    return showForm('proof');
  }
  showForm('composer');
  showConversation(await client.history(kept), link.welcome);
  say(link.agent_available ? '' : wordsFor(new Refusal('AGENT_UNAVAILABLE')));
  if (kept.execution_id !== undefined) await goOn(kept.execution_id);
}

function closed(): void {
  showForm('none');
  view.restart.hidden = true;
  view.log.replaceChildren();
  say('This link does not work any more. Ask whoever gave it to you for a new one.', true);
}

/** The answer of a turn that an earlier visit did not see to its end. */
async function goOn(executionId: string): Promise<void> {
  const status = await client.statusOf(executionId, kept).catch(() => null);
  if (status === 'queued' || status === 'running') await follow(executionId, null);
  else keep({ execution_id: undefined });
}

async function send(): Promise<void> {
  const message = view.message.value;
  if (message.trim() === '' || !view.stop.hidden) return;
  say('');
  setBusy(true);
  isStopAsked = false;
  try {
    const turn = await client.say(message, kept, keyFor(message));
    unheard = null;
    view.message.value = '';
    addMessage('user', message);
    view.restart.hidden = false;
    // A visitor with a proven address is known by that alone.
    if (kept.session_token === undefined) keep({ session_id: turn.sessionId });
    keep({ execution_id: turn.executionId });
    if (isStopAsked) stop();
    await follow(turn.executionId, turn.events);
  } catch (error) {
    problem(error);
  } finally {
    setBusy(false);
    view.message.focus();
  }
}

function keyFor(message: string): string {
  if (unheard?.message !== message) unheard = { message, key: crypto.getRandomValues(new Uint32Array(4)).join('-') };
  return unheard.key;
}

/** How often a stream that broke is begun again without anything new in it, and after which pause. */
const RESUMES_MAX = 30;
const RESUME_MS = 2_000;

/** Shows an answer as it comes, and how it ended. */
async function follow(executionId: string, first: AsyncGenerator<TurnEvent> | null): Promise<void> {
  setBusy(true);
  const answer = addAnswer();
  let text = '';
  try {
    const end = await watch(executionId, first, (shown) => answer.show((text = shown)));
    keep({ execution_id: undefined });
    if (end.type === 'error') problem(new Refusal(end.code ?? ''));
    else say('');
  } catch (error) {
    problem(error);
  } finally {
    answer.end(text !== '');
    setBusy(false);
  }
}

/**
 * Reads the events of a turn up to its end; where the connection breaks, it goes on behind the last one that is whole.
 * @throws Refusal
 */
async function watch(
  executionId: string,
  first: AsyncGenerator<TurnEvent> | null,
  show: (text: string) => void,
): Promise<TurnEvent> {
  let whole = { n: 0, text: '' };
  let events = first ?? (await client.resume(executionId, kept, 0));
  for (let resumes = 0; resumes < RESUMES_MAX; resumes += 1) {
    let { text } = whole;
    for await (const event of events) {
      if (event.type === 'text') show((text += event.content ?? ''));
      if (event.n !== null) {
        whole = { n: event.n, text };
        resumes = 0;
      }
      if (event.type === 'done' || (event.type === 'error' && event.n !== null)) return event;
      // The wait is over, the turn is not: it has no number for its end.
      if (event.type === 'error') say('This takes a while. You can leave: the answer will be here.');
    }
    await new Promise((resolve) => setTimeout(resolve, RESUME_MS));
    events = await client.resume(executionId, kept, whole.n).catch(nothingOffline);
  }
  throw new Refusal('OFFLINE');
}

/** Who is offline for a moment, or meets a server that is being restarted, tries again. */
function nothingOffline(error: unknown): AsyncGenerator<TurnEvent> {
  if (error instanceof Refusal && ['OFFLINE', 'SERVICE_UNAVAILABLE'].includes(error.code)) return nothing();
  throw error;
}

/** A stream that has nothing. */
async function* nothing(): AsyncGenerator<TurnEvent> {}

function problem(error: unknown): void {
  const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL_ERROR');
  if (refusal.code === 'LINK_NOT_FOUND') return closed();
  if (refusal.code === 'UNAUTHORIZED') {
    keep({ session_token: undefined });
    showForm('proof');
  }
  say(wordsFor(refusal), true);
}

function stop(): void {
  if (kept.execution_id === undefined) isStopAsked = true;
  else void client.stop(kept.execution_id, kept).catch(problem);
}

async function restart(): Promise<void> {
  try {
    keep({ session_id: await client.restart(kept), execution_id: undefined });
    unheard = null;
    showConversation([], link?.welcome ?? null);
    say('');
  } catch (error) {
    problem(error);
  }
}

/** First the address, then the code that was mailed to it. */
async function prove(): Promise<void> {
  const email = view.email.value.trim();
  view.prove.disabled = true;
  try {
    if (view.codeField.hidden) {
      await client.requestCode(email);
      view.codeField.hidden = false;
      view.email.readOnly = true;
      view.prove.textContent = 'Confirm';
      say(`We sent a code to ${email}.`);
      view.code.focus();
    } else {
      keep({ session_token: await client.confirmCode(email, view.code.value.trim()) });
      await open();
    }
  } catch (error) {
    problem(error);
  } finally {
    view.prove.disabled = false;
  }
}

view.composer.addEventListener('submit', (event) => {
  event.preventDefault();
  void send();
});
view.proof.addEventListener('submit', (event) => {
  event.preventDefault();
  void prove();
});
view.message.addEventListener('keydown', (event) => {
  // On phones the key makes a new line, as everywhere else there.
  const isSending = event.key === 'Enter' && !event.shiftKey && !event.isComposing;
  if (!isSending || matchMedia('(pointer: coarse)').matches) return;
  event.preventDefault();
  void send();
});
view.stop.addEventListener('click', stop);
view.restart.addEventListener('click', () => void restart());

void open().catch(problem);
