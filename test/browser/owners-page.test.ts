import type { BrowserContext, Page } from 'playwright-core';
import { call, createTestAgent, type TestAgent } from '../support/agents';
import { openBrowser } from '../support/browser';
import { claim, signInOwner, type TestOwner } from '../support/owners';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { use } from '../support/use';

/** Slow machines are slow: what is waited for decides, not how long it takes. */
const PATIENCE_MS = 60_000;
jest.setTimeout(2 * PATIENCE_MS);

const { stack, database, url } = useStack();
const browser = use(openBrowser, (opened) => opened.close());
const contexts: BrowserContext[] = [];
/** What a page complained of: errors of its own and what the content security policy refused. */
const complaints: string[] = [];

afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  expect(complaints.splice(0)).toEqual([]);
});

/** A browser of its own, on the owners' page. */
async function openPage(path: string, owner?: TestOwner): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC' });
  contexts.push(context);
  context.setDefaultTimeout(PATIENCE_MS);
  const cookies = owner?.cookies.split('; ').map((pair) => {
    const at = pair.indexOf('=');
    return { name: pair.slice(0, at), value: pair.slice(at + 1), url: url() };
  });
  await context.addCookies(cookies ?? []);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (line) => {
    if (/Content.Security.Policy/i.test(line.text())) complaints.push(line.text());
  });
  await page.goto(`${url()}${path}`);
  return page;
}

/** An owner who claimed an agent, with what it needs to be written to. */
async function claimedAgent(): Promise<{ owner: TestOwner; ada: TestAgent; bob: TestAgent }> {
  const [ada, bob] = [await createTestAgent(database), await createTestAgent(database)];
  const owner = await signInOwner(stack);
  await claim(owner, ada);
  return { owner, ada, bob };
}

let sent = 0;
async function send(from: TestAgent, to: TestAgent, text: string): Promise<void> {
  sent += 1;
  const body = { to: `@${to.agent.handle}`, client_msg_id: `m${sent}`, content: { text } };
  const answer = await call(url(), 'POST', '/v1/messages', { key: from.apiKey, body });
  if (answer.status !== 201) throw new Error(`not sent: ${answer.status} ${answer.text}`);
}

const mailedCode = (email: string, which: number): Promise<string> =>
  waitFor(() => /\b\d{6}\b/.exec(stack.mailbox.messages(email)[which]?.text ?? '')?.[0], { timeoutMs: PATIENCE_MS });

describe("dashboard §9: the owners' page in a browser", () => {
  test('a wrong code is refused, the mailed one signs in; the key of an agent claims it and opens it', async () => {
    const { apiKey, agent } = await createTestAgent(database);
    const page = await openPage('/app');
    await page.getByLabel('Email').fill('Owner@Example.com');
    await page.getByRole('button', { name: 'Continue' }).click();
    const code = await mailedCode('owner@example.com', 0);
    await page.getByLabel('Code').fill(code === '123456' ? '654321' : '123456');
    await page.getByRole('alert').filter({ hasText: 'code' }).waitFor();
    expect(await page.getByLabel('Code').inputValue()).toBe('');
    await page.getByLabel('Code').fill(code);
    await page.getByRole('heading', { name: 'Claim your first agent' }).waitFor();

    await page.getByRole('main').getByRole('button', { name: 'Claim an agent' }).click();
    const key = page.getByLabel('API key');
    expect(await key.getAttribute('type')).toBe('password');
    await key.fill(`${apiKey}x`);
    await page.getByRole('button', { name: 'Claim', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
    await key.fill(apiKey);
    await page.getByRole('button', { name: 'Claim', exact: true }).click();
    await page.getByRole('heading', { name: `@${agent.handle}` }).waitFor();
    expect(new URL(page.url()).pathname).toBe(`/app/agents/${agent.handle}`);
    await page.reload();
    await page.getByRole('heading', { name: `@${agent.handle}` }).waitFor();
  });

  test('conversations are there, and a message appears in list and thread while they are open', async () => {
    const { owner, ada, bob } = await claimedAgent();
    await send(bob, ada, 'Good morning, Ada');
    const page = await openPage('/app', owner);
    const row = page.getByRole('list', { name: 'Conversations' }).getByRole('link', { name: bob.agent.handle });
    await row.filter({ hasText: 'Good morning, Ada' }).click();
    const thread = page.getByRole('log');
    await thread.getByText('Good morning, Ada').waitFor();
    await send(ada, bob, 'Good morning, Bob');
    await thread.getByText('Good morning, Bob').waitFor();
    await row.filter({ hasText: 'You: Good morning, Bob' }).waitFor();
    // Nothing to write with.
    expect(await page.getByRole('textbox').count()).toBe(0);
  });

  test('pausing and resuming are in force when the page says so, and show in its list of agents', async () => {
    const { owner, ada } = await claimedAgent();
    const mode = async (): Promise<unknown> =>
      (await call(url(), 'GET', '/v1/agents/me', { key: ada.apiKey })).body.paused_by_owner;
    const page = await openPage(`/app/agents/${ada.agent.handle}/settings`, owner);
    const choices = page.getByRole('group', { name: 'Pause' });
    const inList = page.getByRole('navigation', { name: 'Your agents' });
    for (const [title, wire, badge] of [
      ['Pause sending', 'send', 'Sending paused'],
      ['Pause everything', 'full', 'Fully paused'],
      ['Running', 'none', 'Active'],
    ] as const) {
      await choices.getByRole('button', { name: title, pressed: false }).click();
      await choices.getByRole('button', { name: title, pressed: true }).waitFor();
      expect(await mode()).toBe(wire);
      await inList.getByText(badge).waitFor();
    }
  });

  test('signing out everywhere shows the sign-in page here and in a browser that only looks on', async () => {
    const { owner, ada } = await claimedAgent();
    const other = await signInOwner(stack, owner.email);
    const watching = await openPage(`/app/agents/${ada.agent.handle}`, other);
    await watching.getByRole('heading', { name: `@${ada.agent.handle}` }).waitFor();
    const page = await openPage('/app/account', owner);
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click();
    for (const signedOut of [page, watching]) await signedOut.getByRole('heading', { name: 'Sign in' }).waitFor();
    await watching.goto(`${url()}/app/agents/${ada.agent.handle}`);
    await watching.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('an agent whose claim ends leaves the page that shows it', async () => {
    const { owner, ada } = await claimedAgent();
    const page = await openPage(`/app/agents/${ada.agent.handle}`, owner);
    await page.getByRole('heading', { name: `@${ada.agent.handle}` }).waitFor();
    await owner.call('DELETE', `/dashboard/agents/${ada.agent.handle}`);
    await page.getByRole('heading', { name: 'Claim your first agent' }).waitFor();
    // The reason, or that it is gone, when the socket opened only after that.
    const news = new RegExp(`@${ada.agent.handle} (was released|is no longer among your agents)`);
    await page.getByRole('status').filter({ hasText: news }).waitFor();
  });
});
