import { randomUUID } from 'node:crypto';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { signInUser, startEcho, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { PATIENCE_MS, PHONE, useOwnersPages } from '../support/owners-pages';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

jest.setTimeout(3 * PATIENCE_MS);

const { stack, database, url } = useStack();
const pages = useOwnersPages(url);
const agents: SdkAgent[] = [];

afterEach(() => agents.splice(0).forEach((agent) => agent.disconnect()));

const openTalk = (user: GatewayUser, path: string, options: BrowserContextOptions = {}): Promise<Page> =>
  pages.open(user.owner, path, options);
const { picture } = pages;

/** An owner with an agent on the published SDK that answers every message but those that say `silence`. */
async function ownerWithAgent(): Promise<{ user: GatewayUser; agent: SdkAgent; path: string }> {
  const agent = await startEcho(database, url(), (text) => `You said: ${text}`);
  return { ...(await owned(agent)), agent };
}

async function ownerWithSilentAgent(): Promise<{ user: GatewayUser; agent: SdkAgent; path: string }> {
  const agent = await SdkAgent.create(database, url());
  await agent.connect();
  return { ...(await owned(agent)), agent };
}

async function owned(agent: SdkAgent): Promise<{ user: GatewayUser; path: string }> {
  agents.push(agent);
  const user = await signInUser(stack);
  await claim(user.owner, agent.account);
  return { user, path: `/app/agents/${agent.handle}/talk` };
}

const composer = (page: Page) => page.getByRole('textbox', { name: /^Message to/ });
const send = async (page: Page, text: string): Promise<void> => {
  await composer(page).fill(text);
  // An answer can show a moment before its turn has ended, and then the next one may be said.
  await page.locator('button[aria-label="Send"]:enabled').waitFor();
  await composer(page).press('Enter');
};
const chatLinks = (page: Page) => page.getByRole('list', { name: 'Your chats' }).getByRole('link');
const sessionOf = (page: Page): string => /talk\/(ses_[\w-]+)$/.exec(page.url())?.[1] ?? '';

/** Pieces of an answer, as an agent streams them. */
async function stream(agent: SdkAgent, executionId: string, events: object[]): Promise<void> {
  const response = await fetch(`${url()}/v1/gateway/turns/${executionId}/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${agent.account.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ events }),
  });
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
}

async function complete(agent: SdkAgent, executionId: string): Promise<void> {
  const response = await fetch(`${url()}/v1/gateway/turns/${executionId}/complete`, {
    method: 'POST',
    headers: { authorization: `Bearer ${agent.account.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ client_msg_id: randomUUID() }),
  });
  expect([response.status, await response.text()]).toEqual([201, expect.any(String)]);
}

/** The turn of the message that the agent got last, so many in all: as the message itself tells. */
async function turnOf(agent: SdkAgent, count: number): Promise<string> {
  const { metadata } = await waitFor(() => agent.received[count - 1]);
  return (metadata as { gateway: { execution_id: string } }).gateway.execution_id;
}

describe('gateway §4: an owner talks to an agent on the page', () => {
  test('the first message begins a chat that is called after it; the answer of a plain SDK agent appears', async () => {
    const { user, agent, path } = await ownerWithAgent();
    const page = await openTalk(user, path);
    await page.getByRole('heading', { name: `Talk to @${agent.handle}` }).waitFor();
    await picture(page, 'new-chat');
    await send(page, 'Good morning');
    const log = page.getByRole('log');
    await log.getByText('You said: Good morning').waitFor();
    await chatLinks(page).filter({ hasText: 'Good morning' }).waitFor();
    expect(sessionOf(page)).not.toBe('');
    await send(page, 'And again');
    await log.getByText('You said: And again').waitFor();
    await page.reload();
    await page.getByRole('log').getByText('You said: And again').waitFor();
    expect(await page.getByRole('log').getByRole('article').count()).toBe(4);
    await picture(page, 'answered');
    // Everything that was seen is read.
    const inbox = await waitFor(async () => {
      const { body } = await user.call('GET', `/api/agents/${agent.handle}/inbox`);
      return body.unread_count === 0 ? body : undefined;
    });
    expect(inbox.messages).toEqual([]);
  });

  test('gateway#13: a streamed answer is shown as it comes, and goes on after a reload', async () => {
    const { user, agent, path } = await ownerWithSilentAgent();
    const page = await openTalk(user, path);
    await send(page, 'Tell me a story');
    const id = await turnOf(agent, 1);
    const log = page.getByRole('log');
    await stream(agent, id, [
      { type: 'progress', label: 'Thinking of one' },
      { type: 'tool_call', id: 't1', name: 'library', input: {} },
    ]);
    await log.getByText('Thinking of one').waitFor();
    await log.getByText('library').waitFor();
    await stream(agent, id, [{ type: 'delta', index: 0, text: 'Once upon a time ' }]);
    await log.getByText('Once upon a time').waitFor();
    await picture(page, 'streaming');
    // Not before it is answered.
    await composer(page).fill('Go on');
    expect(await page.getByRole('button', { name: 'Send', exact: true }).isDisabled()).toBe(true);
    await page.reload();
    await log.getByText('Once upon a time').waitFor();
    await stream(agent, id, [{ type: 'delta', index: 1, text: 'there was a bird.' }]);
    await log.getByText('Once upon a time there was a bird.').waitFor();
    await complete(agent, id);
    await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
    expect(await log.getByText('Once upon a time there was a bird.').count()).toBe(1);
  });

  test('gateway §9.3: a turn that is not answered is stopped, and can be said again', async () => {
    const { user, agent, path } = await ownerWithSilentAgent();
    const page = await openTalk(user, path);
    await send(page, 'Anybody there?');
    await page.getByRole('button', { name: 'Stop' }).click();
    const log = page.getByRole('log');
    await log.getByText('Stopped').waitFor();
    await picture(page, 'stopped');
    const turns = async (): Promise<string[]> =>
      ((await user.call('GET', `/api/agents/${agent.handle}/executions`)).body as { status: string }[]).map(
        ({ status }) => status,
      );
    expect(await turns()).toEqual(['cancelled']);
    await page.reload();
    await log.getByText('Stopped').waitFor();
    await page.getByRole('button', { name: 'Send again' }).click();
    const id = await turnOf(agent, 2);
    await stream(agent, id, [{ type: 'delta', index: 0, text: 'Yes, I am.' }]);
    await complete(agent, id);
    await log.getByText('Yes, I am.').waitFor();
    await waitFor(async () => (await turns()).join() === 'completed,cancelled');
  });

  test('an older chat is opened, and goes on with what is said there; a new one is begun beside it', async () => {
    const { user, agent, path } = await ownerWithAgent();
    const old = await user.chat({ handle: agent.handle }, 'The first chat');
    await user.chat({ handle: agent.handle }, 'The second chat', { new_session: true });
    const page = await openTalk(user, path);
    await chatLinks(page).nth(1).click();
    const log = page.getByRole('log');
    await log.getByText('You said: The first chat').waitFor();
    expect(sessionOf(page)).toBe(old.body.session_id);
    await send(page, 'Still the first');
    await log.getByText('You said: Still the first').waitFor();
    await page.getByRole('link', { name: 'New chat' }).first().click();
    await send(page, 'The third chat');
    await log.getByText('You said: The third chat').waitFor();
    await waitFor(async () => (await chatLinks(page).count()) === 3);
  });

  test('what an agent says later, by itself or after a stop, appears and is read', async () => {
    const { user, agent, path } = await ownerWithSilentAgent();
    const page = await openTalk(user, path);
    await send(page, 'Take your time');
    const { sender } = await waitFor(() => agent.received[0]);
    await page.getByRole('button', { name: 'Stop' }).click();
    const log = page.getByRole('log');
    await log.getByText('Stopped').waitFor();
    await agent.client.sendMessage({ to: sender, content: { text: 'Here it is' }, client_msg_id: randomUUID() });
    await log.getByText('Here it is').waitFor();
    await waitFor(async () => {
      const { body } = await user.call('GET', `/api/agents/${agent.handle}/inbox`);
      return body.unread_count === 0;
    });
  });

  test('the owner reads along what others say to the agent, and cannot speak for them', async () => {
    const { user, agent, path } = await ownerWithAgent();
    const other = await signInUser(stack);
    const said = await other.chat({ handle: agent.handle }, 'Hello from somebody else');
    expect(said.status).toBe(200);
    const page = await openTalk(user, path);
    await page.getByRole('button', { name: 'Everyone’s' }).click();
    await page.getByRole('list', { name: 'Everyone’s chats' }).getByRole('link', { name: other.owner.email }).click();
    await page.getByRole('log').getByText('You said: Hello from somebody else').waitFor();
    await page.getByText('You read along here').waitFor();
    expect(await composer(page).count()).toBe(0);
  });

  test('on a phone: list, chat and back, with the button instead of Enter', async () => {
    const { user, agent, path } = await ownerWithAgent();
    await user.chat({ handle: agent.handle }, 'Earlier today');
    const page = await openTalk(user, path, PHONE);
    await chatLinks(page).first().waitFor();
    await picture(page, 'phone-list');
    await page.getByRole('link', { name: 'New chat' }).click();
    await composer(page).fill('From my phone,\nin two lines');
    await picture(page, 'phone-writing');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByRole('log').getByText('You said: From my phone,').waitFor();
    expect(await composer(page).isVisible()).toBe(true);
    await picture(page, 'phone-chat');
    const width = await page.evaluate('document.documentElement.scrollWidth');
    expect(width).toBe(PHONE.viewport.width);
    await page.getByRole('link', { name: 'Back to chats' }).click();
    await waitFor(async () => (await chatLinks(page).count()) === 2);
  });
});

describe('gateway §2: keys of applications on the page', () => {
  test('a key for one agent is shown once, works, and is worth nothing after it was revoked', async () => {
    const { user, agent } = await ownerWithAgent();
    const page = await openTalk(user, '/app/keys');
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor();
    await page.getByRole('button', { name: 'Create a key' }).click();
    await page.getByLabel('Name').fill('Shop assistant');
    await page.getByLabel('For').selectOption(agent.handle);
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    // The list behind it shows the beginning of the key only.
    const key = await page.getByText(/^gwk_[\w-]{43}$/).textContent();
    await picture(page, 'key-shown');
    const use = async (): Promise<number> =>
      (await fetch(`${url()}/api/agents/${agent.handle}`, { headers: { authorization: `Bearer ${key ?? ''}` } }))
        .status;
    expect(await use()).toBe(200);
    await page.getByRole('button', { name: 'Done' }).click();
    const row = page.getByRole('list', { name: 'Gateway keys' }).getByRole('listitem');
    await row.getByText('one agent').waitFor();
    await picture(page, 'keys');
    await page.reload();
    await row.getByRole('button', { name: 'Revoke' }).click();
    expect(await page.content()).not.toContain(key ?? 'nothing');
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.getByRole('heading', { name: 'No keys yet' }).waitFor();
    expect(await use()).toBe(401);
  });
});
