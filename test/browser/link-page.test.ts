import { writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import type { BrowserContext, Page } from 'playwright-core';
import { openBrowser } from '../support/browser';
import { codeFor } from '../support/codes';
import { startEcho, type GatewayUser } from '../support/gateway';
import { newLink, ownerOf, type TestLink } from '../support/public-chat';
import { SdkAgent } from '../support/sdk';
import { use } from '../support/use';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

/** Slow machines are slow: what is waited for decides, not how long it takes. */
const PATIENCE_MS = 60_000;
jest.setTimeout(2 * PATIENCE_MS);

/** The page of a share link on a phone (gateway.md §6.1). */
describe('the page of a share link', () => {
  const { stack, database, url } = useStack();
  const browser = use(openBrowser, (opened) => opened.close());
  const contexts: BrowserContext[] = [];
  /** What a page complained of: errors of its own and what the content security policy refused. */
  const complaints: string[] = [];
  let echo: SdkAgent;
  let owner: GatewayUser;

  beforeAll(async () => {
    echo = await startEcho(database, url());
    owner = await ownerOf(stack, echo);
    const profile = { displayName: 'Travel desk', description: 'Trains and hotels for small teams' };
    await database.agents.updateOne({ _id: echo.id }, { $set: profile });
  });
  afterAll(() => echo.disconnect());
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  async function newPhone(): Promise<BrowserContext> {
    const viewport = { width: 390, height: 844 };
    const context = await browser.newContext({ locale: 'en-GB', viewport, hasTouch: true, isMobile: true });
    context.setDefaultTimeout(PATIENCE_MS);
    contexts.push(context);
    return context;
  }
  async function openLink({ token }: Pick<TestLink, 'token'>, context?: BrowserContext): Promise<Page> {
    const page = await (context ?? (await newPhone())).newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (line) => {
      if (/Content.Security.Policy/i.test(line.text())) complaints.push(line.text());
    });
    await page.goto(`${url()}/c/${token}`);
    return page;
  }
  async function say(page: Page, text: string): Promise<void> {
    await page.getByRole('textbox', { name: 'Your message' }).fill(text);
    await page.getByRole('button', { name: 'Send' }).click();
  }
  const log = (page: Page) => page.getByRole('log', { name: 'Conversation' });

  test('a visitor reads the welcome, chats, and finds the conversation again after a reload', async () => {
    const link = await newLink(owner, echo, { welcome: 'Hello! Where would you like to go?' });
    const page = await openLink(link);
    await page.getByRole('heading', { name: 'Travel desk' }).waitFor();
    await page.getByText('Trains and hotels for small teams').waitFor();
    await log(page).getByText('Hello! Where would you like to go?').waitFor();
    await say(page, 'To Lisbon, please.\nBy train.');
    await log(page).getByText('You said: To Lisbon, please.').waitFor();
    expect(await page.getByRole('textbox', { name: 'Your message' }).inputValue()).toBe('');
    const shot = process.env['AGENTCHAT_SCREENSHOT'];
    if (shot !== undefined) await writeFile(shot, await page.screenshot());
    await page.reload();
    await log(page).getByText('You said: To Lisbon, please.').waitFor();
    expect(await log(page).locator('.said').count()).toBe(3);
    await say(page, 'And back');
    await log(page).getByText('You said: And back').waitFor();
    expect((await owner.call('GET', link.path)).body.usage).toMatchObject({ sessions: 1, messages: 2 });
    await page.getByRole('button', { name: 'New chat' }).click();
    await waitFor(async () => (await log(page).locator('.said').count()) === 1);
  });

  test('gateway.md §9.4: a first message whose answer got lost is sent again and begins one turn', async () => {
    const link = await newLink(owner, echo);
    const page = await openLink(link);
    const path = '**/api/public/chat/*';
    await page.route(path, async (route) => {
      await route.fetch();
      await route.abort();
    });
    await say(page, 'Once');
    await page.getByRole('status').getByText('There is no connection').waitFor();
    await page.unroute(path);
    await page.getByRole('button', { name: 'Send' }).click();
    await log(page).getByText('You said: Once').waitFor();
    await say(page, 'Twice');
    await log(page).getByText('You said: Twice').waitFor();
    expect((await owner.call('GET', link.path)).body.usage).toMatchObject({ sessions: 1, messages: 2 });
  });

  test('what an agent says is text, whatever it looks like; nothing is wider than the phone', async () => {
    const page = await openLink(await newLink(owner, echo));
    const text = `<img src=x onerror="document.title='broken'"> ${'x'.repeat(400)}`;
    await say(page, text);
    await log(page).getByText(`You said: ${text}`).waitFor();
    expect(await page.title()).toBe('Travel desk');
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  });

  test('an answer that was not there when the page was left is there when it is opened again', async () => {
    const slow = await SdkAgent.create(database, url());
    await slow.connect();
    const context = await newPhone();
    const link = await newLink(await ownerOf(stack, slow), slow);
    const page = await openLink(link, context);
    await say(page, 'Take your time');
    await waitFor(() => slow.received.length === 1);
    await page.close();
    const again = await openLink(link, context);
    await log(again).getByText('Take your time').waitFor();
    const to = slow.received[0]?.sender ?? '';
    await slow.client.sendMessage({ to, content: { text: 'Here it is' }, client_msg_id: randomUUID() });
    await log(again).getByText('Here it is').waitFor();
    await again.getByRole('button', { name: 'Send' }).waitFor();
    slow.disconnect();
  });

  test('an answer can be stopped, and the next message goes out', async () => {
    const silent = await SdkAgent.create(database, url());
    await silent.connect();
    const page = await openLink(await newLink(await ownerOf(stack, silent), silent));
    // Stopped while the page does not know yet which turn it is of.
    let letThrough = (): void => undefined;
    const stopped = new Promise<void>((resolve) => (letThrough = resolve));
    await page.route('**/api/public/chat/*', async (route) => {
      await stopped;
      await route.continue();
    });
    await say(page, 'Are you there?');
    await page.getByRole('button', { name: 'Stop' }).click();
    letThrough();
    await page.getByRole('status').getByText('You stopped this answer').waitFor();
    await say(page, 'And now?');
    await waitFor(() => silent.received.some(({ content }) => content.text === 'And now?'));
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('status').getByText('You stopped this answer').waitFor();
    silent.onMessage(({ sender }) =>
      silent.client.sendMessage({ to: sender, content: { text: 'Now I am' }, client_msg_id: randomUUID() }),
    );
    await say(page, 'Hello?');
    await log(page).getByText('Now I am').waitFor();
    silent.disconnect();
  });

  test('a link that does not work says so, and one whose agent is paused says that', async () => {
    const dead = await openLink({ token: 'A'.repeat(32) });
    await dead.getByRole('status').getByText('This link does not work any more').waitFor();
    expect(await dead.getByRole('textbox').count()).toBe(0);
    const link = await newLink(owner, echo);
    await database.agents.updateOne({ _id: echo.id }, { $set: { pausedByOwner: 'full' } });
    const page = await openLink(link);
    await page.getByRole('status').getByText('The agent is taking a break').waitFor();
    await say(page, 'Hello?');
    await page.getByRole('status').getByText('The agent is taking a break').waitFor();
    expect(await page.getByRole('textbox', { name: 'Your message' }).inputValue()).toBe('Hello?');
    await database.agents.updateOne({ _id: echo.id }, { $set: { pausedByOwner: 'none' } });
    await page.getByRole('button', { name: 'Send' }).click();
    await log(page).getByText('You said: Hello?').waitFor();
  });

  test('a visitor proves its address with the mailed code, then chats', async () => {
    const page = await openLink(await newLink(owner, echo, { require_email: true }));
    await page.getByLabel('Mail address').fill('pat@example.com');
    await page.getByRole('button', { name: 'Send code' }).click();
    await page.getByLabel('Code from the mail').fill('000000');
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('status').getByText('This code is not correct').waitFor();
    await page.getByLabel('Code from the mail').fill(await codeFor(stack, 'pat@example.com'));
    await page.getByRole('button', { name: 'Confirm' }).click();
    await say(page, 'It is me');
    await log(page).getByText('You said: It is me').waitFor();
  });

  test('§6.1: the page is in no frame, loads nothing foreign, and its address goes nowhere', async () => {
    const { status, headers } = await fetch(`${url()}/c/${'A'.repeat(32)}`);
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('x-robots-tag')).toBe('noindex');
    expect(headers.get('x-frame-options')).toBe('DENY');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe-inline');
  });
});
