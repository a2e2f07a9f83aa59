import type { Locator, Page } from 'playwright-core';
import { startEcho, signInUser, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { PATIENCE_MS, PHONE, useOwnersPages } from '../support/owners-pages';
import { visitorCalls } from '../support/public-chat';
import type { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

jest.setTimeout(3 * PATIENCE_MS);

const { stack, database, url } = useStack();
const pages = useOwnersPages(url);
const visitor = visitorCalls(url);
const agents: SdkAgent[] = [];

afterEach(() => agents.splice(0).forEach((agent) => agent.disconnect()));

/** An owner with an agent that answers every message, and the path of its settings. */
async function ownerWithAgent(): Promise<{ user: GatewayUser; agent: SdkAgent; path: string; api: string }> {
  const agent = await startEcho(database, url());
  agents.push(agent);
  const user = await signInUser(stack);
  await claim(user.owner, agent.account);
  return { user, agent, path: `/app/agents/${agent.handle}/settings`, api: `/api/agents/${agent.handle}` };
}

const card = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });
const dialog = (page: Page): Locator => page.getByRole('dialog');
const rows = (page: Page): Locator => page.getByRole('list', { name: 'Share links' }).getByRole('listitem');
const press = (within: Locator, name: string): Promise<void> =>
  within.getByRole('button', { name, exact: true }).click();

/** The token of the URL that a dialog shows this once, and the way out of it. */
async function shownToken(page: Page): Promise<string> {
  const shown = await dialog(page).locator('code').textContent();
  await press(dialog(page), 'Done');
  return /\/c\/([\w-]{32})$/.exec(shown ?? '')?.[1] ?? '';
}

async function createLink(page: Page, name: string): Promise<string> {
  await press(card(page, 'Share links'), 'Create a link');
  await dialog(page).getByLabel('Name').fill(name);
  await press(dialog(page), 'Create');
  return shownToken(page);
}

describe('gateway §6.1: share links on the page', () => {
  test('an owner makes a link with all its terms; its URL is shown once, copied, and lets visitors in', async () => {
    const { user, agent, path, api } = await ownerWithAgent();
    const page = await pages.open(user.owner, path, { permissions: ['clipboard-read', 'clipboard-write'] });
    await card(page, 'Share links').getByText('No links yet.').waitFor();
    await pages.picture(page, 'links-none');
    await press(card(page, 'Share links'), 'Create a link');
    await dialog(page).getByLabel('Name').fill('Shop page');
    await dialog(page).getByLabel('Welcome').fill('Where to?');
    await dialog(page).getByLabel('Ends').fill('2099-12-31T23:59');
    await dialog(page).getByLabel('Messages at most').fill('250');
    await dialog(page).getByLabel('Visitors prove a mail address first').check();
    await pages.picture(page, 'link-form');
    await press(dialog(page), 'Create');
    await dialog(page).getByRole('button', { name: 'Copy: URL' }).click();
    await dialog(page).getByText('Copied').waitFor();
    await pages.picture(page, 'link-shown');
    const token = await shownToken(page);
    expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(new RegExp(`/c/${token}$`));
    const row = rows(page).filter({ hasText: 'Shop page' });
    await row.getByText('250 messages at most').waitFor();
    expect(await page.content()).not.toContain(token);
    const { body } = await user.call('GET', `${api}/public-links`);
    expect(body).toMatchObject([
      {
        name: 'Shop page',
        welcome: 'Where to?',
        expires_at: '2099-12-31T23:59:00.000Z',
        max_messages: 250,
        require_email: true,
        enabled: true,
      },
    ]);
    expect(await visitor.link(token)).toMatchObject({ valid: true, require_email: true, welcome: 'Where to?' });

    await row.getByRole('button', { name: 'Edit Shop page' }).click();
    await dialog(page).getByText('Not used yet.').waitFor();
    await dialog(page).getByLabel('Visitors prove a mail address first').uncheck();
    await dialog(page).getByLabel('Name').fill('');
    await press(dialog(page), 'Save');
    await rows(page)
      .getByRole('button', { name: `Edit Link ${token.slice(0, 6)}…` })
      .waitFor();
    expect((await visitor.say(token, 'To Lisbon')).body.response).toBe('You said: To Lisbon');
    expect(agent.received).toHaveLength(1);
    await rows(page).getByRole('button', { name: /^Edit/ }).click();
    await dialog(page)
      .getByText(/^1 message in 1 chat from 1 address, the last/)
      .waitFor();
    await pages.picture(page, 'link-edit');
  });

  test('disabling, enabling, a new URL and deletion are in force when the page says so', async () => {
    const { user, path } = await ownerWithAgent();
    const page = await pages.open(user.owner, path);
    const first = await createLink(page, 'Shop');
    const isOpen = async (token: string): Promise<unknown> => (await visitor.link(token)).valid;
    const row = rows(page).filter({ hasText: 'Shop' });
    await row.getByRole('button', { name: 'Disable Shop' }).click();
    await row.getByText('Disabled', { exact: true }).waitFor();
    await pages.picture(page, 'link-disabled');
    expect(await isOpen(first)).toBe(false);
    await row.getByRole('button', { name: 'Enable Shop' }).click();
    await row.getByText('Enabled', { exact: true }).waitFor();
    expect(await isOpen(first)).toBe(true);

    await row.getByRole('button', { name: 'New URL for Shop' }).click();
    await pages.picture(page, 'link-new-url');
    await press(dialog(page), 'New URL');
    await dialog(page).getByText('Copy it now').waitFor();
    const second = await shownToken(page);
    expect([first === second, await isOpen(first), await isOpen(second)]).toEqual([false, false, true]);
    await row.getByText(`${second.slice(0, 6)}…`).waitFor();

    await row.getByRole('button', { name: 'Delete Shop' }).click();
    await press(dialog(page), 'Delete');
    await card(page, 'Share links').getByText('No links yet.').waitFor();
    expect(await isOpen(second)).toBe(false);
  });

  test('the keyboard is enough: what cannot be is said at its field, Escape leaves, and the focus comes back', async () => {
    const { user, path } = await ownerWithAgent();
    const page = await pages.open(user.owner, path);
    const open = card(page, 'Share links').getByRole('button', { name: 'Create a link' });
    const hasFocus = (control: Locator): Promise<boolean> =>
      waitFor(() => control.evaluate((element) => element === element.ownerDocument.activeElement));
    await open.focus();
    await page.keyboard.press('Enter');
    await hasFocus(dialog(page).getByLabel('Name'));
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    await hasFocus(open);
    await page.keyboard.press('Enter');
    await page.keyboard.type('Typed');
    const messages = dialog(page).getByLabel('Messages at most');
    await dialog(page).getByLabel('Ends').fill('2020-01-01T00:00');
    await messages.fill('none');
    await page.keyboard.press('Enter');
    await hasFocus(dialog(page).getByLabel('Ends'));
    await dialog(page).getByText('Choose a time that is still to come.').waitFor();
    await dialog(page).getByLabel('Ends').fill('');
    await messages.focus();
    expect(await messages.getAttribute('aria-invalid')).toBe('true');
    await dialog(page).getByText('Write a whole number, 1 or more').waitFor();
    await pages.picture(page, 'link-problem');
    await messages.fill('3');
    await page.keyboard.press('Enter');
    await dialog(page).getByText('Copy it now').waitFor();
    await page.keyboard.press('Escape');
    await rows(page).filter({ hasText: 'Typed' }).getByText('3 messages at most').waitFor();
    const toggle = rows(page).getByRole('button', { name: /able Typed$/ });
    await toggle.focus();
    await page.keyboard.press('Space');
    await rows(page).getByText('Disabled', { exact: true }).waitFor();
    await hasFocus(toggle);
    await rows(page).getByRole('button', { name: 'Delete Typed' }).focus();
    await page.keyboard.press('Enter');
    await dialog(page).getByRole('button', { name: 'Delete', exact: true }).focus();
    await page.keyboard.press('Enter');
    await card(page, 'Share links').getByText('No links yet.').waitFor();
    await hasFocus(open);
  });

  test('links that cannot be read say so, and are there after another try', async () => {
    const { user, agent, path, api } = await ownerWithAgent();
    await user.call('POST', `${api}/public-links`, { body: { name: 'Shop' } });
    const page = await pages.open(user.owner, `/app/agents/${agent.handle}/activity`);
    let letThrough = (): void => undefined;
    const held = new Promise<void>((resolve) => (letThrough = resolve));
    await page.route('**/public-links', async (route) => {
      await held;
      await route.abort();
    });
    await page.getByRole('link', { name: 'Settings' }).click();
    await card(page, 'Share links').getByRole('status', { name: 'Loading' }).waitFor();
    await card(page, 'Share links').scrollIntoViewIfNeeded();
    await pages.picture(page, 'links-loading');
    letThrough();
    await card(page, 'Share links').getByRole('alert').getByText('The server cannot be reached').waitFor();
    await card(page, 'Share links').scrollIntoViewIfNeeded();
    await pages.picture(page, 'links-failed');
    await page.unroute('**/public-links');
    await press(card(page, 'Share links'), 'Try again');
    await rows(page).filter({ hasText: 'Shop' }).waitFor();
    expect(new URL(page.url()).pathname).toBe(path);
  });

  test('on a phone nothing is wider than the screen, whatever links are called', async () => {
    const { user, path, api } = await ownerWithAgent();
    for (const name of ['W'.repeat(100), 'Shop page, spring sale']) {
      await user.call('POST', `${api}/public-links`, { body: { name, max_messages: 100, require_email: true } });
    }
    const page = await pages.open(user.owner, path, PHONE);
    await rows(page).nth(1).waitFor();
    await rows(page).nth(0).scrollIntoViewIfNeeded();
    await pages.picture(page, 'phone-links');
    const width = (): Promise<unknown> => page.evaluate('document.documentElement.scrollWidth');
    expect(await width()).toBe(PHONE.viewport.width);
    await rows(page)
      .getByRole('button', { name: /^Edit Shop/ })
      .click();
    await dialog(page).getByLabel('Ends').fill('2099-12-31T23:59');
    await pages.picture(page, 'phone-link-form');
    expect(await width()).toBe(PHONE.viewport.width);
    const box = await dialog(page).boundingBox();
    expect((box?.x ?? -1) >= 0 && (box?.x ?? 0) + (box?.width ?? 999) <= PHONE.viewport.width).toBe(true);
  });
});

describe('gateway §9.2: answers at once on the page', () => {
  test('an owner sets how many turns the agent takes; what is no such number is said and changes nothing', async () => {
    const { user, path, api } = await ownerWithAgent();
    const page = await pages.open(user.owner, path);
    const slots = card(page, 'Answers at once');
    const max = async (): Promise<unknown> => (await user.call('GET', `${api}/turn-slots`)).body.max;
    await slots.getByText('None is running now.').waitFor();
    expect(await slots.getByLabel('At most').inputValue()).toBe('8');
    await slots.getByLabel('At most').fill('65');
    await slots.getByLabel('At most').press('Enter');
    await slots.getByText('Write a whole number from 1 to 64.').waitFor();
    await slots.scrollIntoViewIfNeeded();
    await pages.picture(page, 'slots-problem');
    expect(await max()).toBe(8);
    await slots.getByLabel('At most').fill('16');
    await slots.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('status').getByText('16 answers at once').waitFor();
    expect(await max()).toBe(16);
    await page.reload();
    await waitFor(async () => (await slots.getByLabel('At most').inputValue()) === '16');
  });
});

describe('gateway §6.3: the price on the page of a server without payments', () => {
  test('a price is refused in words, and nothing is on', async () => {
    const { user, path, api } = await ownerWithAgent();
    const page = await pages.open(user.owner, path);
    await card(page, 'Price').getByText('No price yet.').waitFor();
    await press(card(page, 'Price'), 'Set a price');
    await dialog(page).getByLabel('An answer costs').fill('0.01');
    await dialog(page)
      .getByLabel('Paid to')
      .fill(`0x${'12'.repeat(20)}`);
    await press(dialog(page), 'Save and switch on');
    await dialog(page).getByRole('alert').getByText('This server takes no payments').waitFor();
    expect((await user.call('GET', `${api}/payments`)).body.enabled).toBe(false);
  });
});
