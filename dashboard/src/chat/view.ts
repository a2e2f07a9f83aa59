import type { LinkState, Said } from './link-client';

/** The part of the page with this id. @throws Error when the page has none of this type */
function part<Element extends HTMLElement>(id: string, type: abstract new () => Element): Element {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no #${id}`);
  return found;
}

/** What is seen of a chat; it decides nothing. */
export const view = {
  composer: part('composer', HTMLFormElement),
  message: part('message', HTMLTextAreaElement),
  stop: part('stop', HTMLButtonElement),
  restart: part('restart', HTMLButtonElement),
  proof: part('proof', HTMLFormElement),
  email: part('email', HTMLInputElement),
  codeField: part('code-field', HTMLElement),
  code: part('code', HTMLInputElement),
  prove: part('prove', HTMLButtonElement),
  notice: part('notice', HTMLElement),
  log: part('log', HTMLElement),
  name: part('agent-name', HTMLElement),
  description: part('agent-description', HTMLElement),
};

let agentName = 'The agent';

export function showAgent({ agent_display_name: name, agent_description: description }: LinkState): void {
  agentName = name ?? agentName;
  document.title = agentName;
  view.name.textContent = agentName;
  view.description.textContent = description ?? '';
}

/** The whole conversation, with the words of welcome above it. */
export function showConversation(messages: Said[], welcome: string | null): void {
  view.log.replaceChildren();
  if (welcome !== null && welcome !== '') bubble('welcome').textContent = welcome;
  for (const { role, content } of messages) addMessage(role, content);
  view.restart.hidden = messages.length === 0;
}

/** One more message. @returns changes its text as more of it comes */
export function addMessage(role: Said['role'], content: string): (text: string) => void {
  const element = bubble(role);
  const who = document.createElement('span');
  who.className = 'unseen';
  who.textContent = role === 'user' ? 'You: ' : `${agentName}: `;
  const text = document.createElement('span');
  element.append(who, text);
  const show = (shown: string): void => {
    const isAtEnd = view.log.scrollHeight - view.log.scrollTop - view.log.clientHeight < 80;
    text.textContent = shown;
    if (isAtEnd) view.log.scrollTop = view.log.scrollHeight;
  };
  view.log.scrollTop = view.log.scrollHeight;
  show(content);
  return show;
}

/** The answer that is coming. @returns shows what came of it so far, and its end */
export function addAnswer(): { show: (text: string) => void; end: (isKept: boolean) => void } {
  const show = addMessage('assistant', '');
  const element = view.log.lastElementChild;
  element?.classList.add('waiting');
  view.log.scrollTop = view.log.scrollHeight;
  // Screen readers are told the whole, not every piece of it.
  view.log.setAttribute('aria-busy', 'true');
  return {
    show,
    end: (isKept) => {
      element?.classList.remove('waiting');
      if (!isKept) element?.remove();
      view.log.removeAttribute('aria-busy');
    },
  };
}

/** What the visitor has to know, or nothing. */
export function say(text: string, isProblem = false): void {
  view.notice.textContent = text;
  view.notice.classList.toggle('problem', isProblem);
}

/** Which of the two forms is there; neither where a link does not work. */
export function showForm(which: 'composer' | 'proof' | 'none'): void {
  view.composer.hidden = which !== 'composer';
  view.proof.hidden = which !== 'proof';
}

/** While an answer comes there is a way to stop it, and none to send. */
export function setBusy(isBusy: boolean): void {
  const send = view.composer.querySelector<HTMLButtonElement>('button[type=submit]');
  if (send !== null) send.hidden = isBusy;
  view.stop.hidden = !isBusy;
  view.restart.disabled = isBusy;
}

function bubble(kind: Said['role'] | 'welcome'): HTMLElement {
  const element = document.createElement('div');
  element.className = `said ${kind}`;
  view.log.append(element);
  return element;
}
