import { randomUUID } from 'node:crypto';
import type { Locator, Page } from 'playwright-core';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import type { TestOwner } from '../support/owners';
import { PATIENCE_MS, PHONE, useOwnersPages } from '../support/owners-pages';
import { LOCAL_RECEIVERS, useReceiver } from '../support/receiver';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';
import { ownerOf } from '../support/watch';
import { seedDeliveries } from '../support/webhook-rig';

jest.setTimeout(3 * PATIENCE_MS);

const { stack, database, url } = useStack({ env: LOCAL_RECEIVERS });
const pages = useOwnersPages(url);
const receiver = useReceiver();

let owner: TestOwner;
let ada: TestAgent;
let peer: TestAgent;
beforeEach(async () => {
  const watched = await ownerOf(stack, database);
  owner = watched.owner;
  [ada] = watched.agents;
  peer = await createTestAgent(database);
});

const as = (who: TestAgent, method: string, path: string, body?: object): Promise<CallAnswer> =>
  call(url(), method, path, { key: who.apiKey, ...(body === undefined ? {} : { body }) });
const hook = async (description = 'Bookings'): Promise<string> => {
  const made = await as(ada, 'POST', '/v1/webhooks', { url: receiver.url, events: ['message.new'] });
  const id = String(made.body.id);
  await as(ada, 'PATCH', `/v1/webhooks/${id}`, { description });
  return id;
};
const say = (text: string): Promise<CallAnswer> =>
  as(peer, 'POST', '/v1/messages', { to: ada.agent.handle, client_msg_id: randomUUID(), content: { text } });
const path = (id?: string): string => `/app/agents/${ada.agent.handle}/webhooks${id === undefined ? '' : `/${id}`}`;

const card = (page: Page, name = 'Bookings'): Locator => page.getByRole('region', { name, exact: true });
const dialog = (page: Page): Locator => page.getByRole('dialog');
const rows = (page: Page): Locator => page.getByRole('list', { name: 'Deliveries' }).locator('> li');
const press = (within: Locator, name: string | RegExp): Promise<void> =>
  within.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name }).click();
const hasFocus = (control: Locator): Promise<boolean> =>
  waitFor(() => control.evaluate((element) => element === element.ownerDocument.activeElement));

describe('webhooks §12: endpoints on the page', () => {
  test('without a webhook the page says so; one that the agent registers appears by itself', async () => {
    const page = await pages.open(owner, `/app/agents/${ada.agent.handle}`);
    await page.getByRole('link', { name: 'Webhooks' }).click();
    await page.getByText('No webhooks yet').waitFor();
    await pages.picture(page, 'webhooks-none');
    await hook();
    await card(page).getByText('Healthy').waitFor();
    await card(page).getByText(receiver.url).waitFor();
    await pages.picture(page, 'webhooks');
    expect(new URL(page.url()).pathname).toBe(path());
  });

  test('an endpoint that fails says so while it is looked at and with its next attempt, then well again', async () => {
    await hook();
    receiver.answer(503);
    const page = await pages.open(owner, path());
    await card(page).getByText('Healthy').waitFor();
    await say('private one');
    await card(page).getByText('Failing').waitFor();
    await card(page)
      .getByText(/^1 failure in a row/)
      .waitFor();
    await card(page)
      .getByText(/^1 delivery waits; the next attempt (now|in)/)
      .waitFor();
    await pages.picture(page, 'webhook-failing');
    receiver.answer(200);
    await card(page).getByText('Healthy').waitFor();
  });

  test('a test is sent once and told; disabling asks, enabling does not, and both are in force', async () => {
    const id = await hook();
    const isActive = async (): Promise<unknown> => (await database.webhooks.findOne({ _id: id }))?.active;
    const page = await pages.open(owner, path());
    await press(card(page), 'Send test to Bookings');
    await press(dialog(page), 'Send');
    await dialog(page)
      .getByRole('status')
      .getByText(/^Delivered: the endpoint answered 200 after/)
      .waitFor();
    receiver.answer(500);
    await dialog(page).getByLabel('Event').selectOption('message.new');
    await press(dialog(page), 'Send');
    await dialog(page)
      .getByText(/^Failed after \d+ ms: HTTP 500/)
      .waitFor();
    await pages.picture(page, 'webhook-test');
    expect(receiver.requests.map(({ headers }) => headers['x-agentchat-event'])).toEqual(['ping', 'message.new']);
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });

    await press(card(page), 'Disable Bookings');
    await pages.picture(page, 'webhook-disable');
    expect(await isActive()).toBe(true);
    await press(dialog(page), 'Disable');
    await card(page).getByText('Disabled', { exact: true }).waitFor();
    expect(await isActive()).toBe(false);
    expect(await card(page).getByRole('button', { name: 'Recover since… Bookings' }).isDisabled()).toBe(true);
    await press(card(page), 'Enable Bookings');
    await card(page).getByText('Healthy').waitFor();
    expect(await isActive()).toBe(true);
  });

  test('webhooks §11.3: a new secret is shown once; while two sign, a third one needs a word more', async () => {
    await hook();
    const page = await pages.open(owner, path(), { permissions: ['clipboard-read', 'clipboard-write'] });
    await press(card(page), 'Rotate secret of Bookings');
    await pages.picture(page, 'webhook-rotate');
    await press(dialog(page), 'Rotate');
    await dialog(page).getByText('Copy it now').waitFor();
    const secret = (await dialog(page).locator('code').textContent()) ?? '';
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    await dialog(page).getByRole('button', { name: 'Copy: Secret' }).click();
    await dialog(page).getByText('Copied').waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(secret);
    await pages.picture(page, 'webhook-secret');
    await press(dialog(page), 'Done');
    await card(page)
      .getByText(`…${secret.slice(-4)}`)
      .waitFor();
    await card(page)
      .getByText(/^The secret before this one still signs, until/)
      .waitFor();
    expect(await page.content()).not.toContain(secret);

    await press(card(page), 'Rotate secret of Bookings');
    await dialog(page).getByLabel('The old secret signs, too').selectOption('0');
    await press(dialog(page), 'Rotate');
    const forced = dialog(page).getByLabel('End the rotation that is under way');
    await dialog(page).getByText('An earlier rotation is not over').waitFor();
    await hasFocus(forced);
    await forced.check();
    await press(dialog(page), 'Rotate');
    await dialog(page).getByText('Requests with the old secret are over').waitFor();
    await press(dialog(page), 'Done');
    await waitFor(
      async () =>
        (await card(page)
          .getByText(/still signs/)
          .count()) === 0,
    );
  });

  test('both published clients are shown, and what is shown can be copied', async () => {
    await hook();
    const page = await pages.open(owner, path(), { permissions: ['clipboard-read', 'clipboard-write'] });
    await card(page).getByText('Verify what arrives').click();
    await card(page).getByRole('button', { name: 'Copy: verification in TypeScript' }).click();
    await card(page).getByText('Copied').waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toContain("request.header('Agentchat-Signature')");
    await card(page).getByRole('button', { name: 'Copy: verification in Python' }).waitFor();
    await pages.picture(page, 'webhook-verify');
  });
});

describe('webhooks §12: deliveries on the page', () => {
  test('what is sent appears while it is looked at, with request and answer; a signature nowhere', async () => {
    const id = await hook();
    receiver.answer((response) => response.writeHead(200, { 'x-trace': 'abc' }).end('{"thanks":true}'));
    const page = await pages.open(owner, path(id), { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByText('Nothing was sent yet').waitFor();
    await pages.picture(page, 'deliveries-none');
    await say('private two');
    await rows(page).getByText('Delivered').waitFor();
    await rows(page)
      .getByRole('button', { name: /message\.new/ })
      .click();
    await rows(page).getByText('"private two"').waitFor();
    await rows(page)
      .getByText(/^Attempt 1,/)
      .waitFor();
    await rows(page).getByText('Answer', { exact: true }).click();
    await rows(page).getByText('"thanks": true').waitFor();
    await rows(page).getByText('Headers of the request').click();
    await rows(page)
      .getByText(/agentchat-signature: t=\d+,v1=\[redacted\]/i)
      .waitFor();
    await pages.picture(page, 'delivery');
    await press(rows(page), 'Copy as curl: the request');
    const copied = String(await page.evaluate('navigator.clipboard.readText()'));
    expect(copied).toContain(`curl -X POST '${receiver.url}'`);
    expect(copied).toContain('private two');
    const [request] = receiver.requests;
    const digest = /v1=([0-9a-f]{64})/.exec(String(request?.headers['agentchat-signature']))?.[1] ?? 'none';
    expect([copied.includes(digest), (await page.content()).includes(digest)]).toEqual([false, false]);
  });

  test('Redeliver sends the same bytes again, and the new delivery stands on top', async () => {
    const id = await hook();
    const page = await pages.open(owner, path(id));
    await say('private three');
    await rows(page).getByText('Delivered').waitFor();
    await rows(page)
      .getByRole('button', { name: /message\.new/ })
      .click();
    await press(rows(page), 'Redeliver');
    await page.getByRole('status').getByText('message.new is sent again').waitFor();
    await rows(page).nth(1).waitFor();
    await rows(page)
      .nth(0)
      .getByText(/sent again/)
      .waitFor();
    const [first, second] = await receiver.received(2);
    expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true);
    expect(second?.headers['x-agentchat-delivery']).not.toBe(first?.headers['x-agentchat-delivery']);
  });

  test('Recover since… sends what happened while the endpoint was disabled', async () => {
    const id = await hook();
    await as(ada, 'PATCH', `/v1/webhooks/${id}`, { active: false });
    await say('private four');
    await as(ada, 'PATCH', `/v1/webhooks/${id}`, { active: true });
    const page = await pages.open(owner, path(id));
    await page.getByRole('button', { name: 'Recover since… Bookings' }).click();
    await dialog(page).getByLabel('Since').fill('2099-01-01T00:00');
    await press(dialog(page), 'Recover');
    await dialog(page).getByText('Choose a time that has been.').waitFor();
    await hasFocus(dialog(page).getByLabel('Since'));
    await pages.picture(page, 'webhook-recover');
    await dialog(page).getByLabel('Since').fill('2020-01-01T00:00');
    await press(dialog(page), 'Recover');
    await page.getByRole('status').getByText('1 delivery on the way, oldest first').waitFor();
    await rows(page).getByText('Delivered').waitFor();
    const [request] = await receiver.received(1);
    expect(request?.body.toString('utf8')).toContain('private four');
  });

  test('filters narrow the list, a second page follows the first, and nothing found is said', async () => {
    const id = await hook();
    const webhook = await database.webhooks.findOne({ _id: id });
    if (webhook === null) throw new Error('no webhook');
    const over = { attempts: 1, nextAttemptAt: null, expiresAt: new Date(Date.now() + 86_400_000) };
    for (let count = 0; count < 60; count += 1) {
      const createdAt = new Date(Date.now() - count * 1_000);
      const status = count === 59 ? ('dead' as const) : ('delivered' as const);
      await seedDeliveries(database, webhook, 1, { ...over, status, createdAt, lastStatus: 200 });
    }
    const page = await pages.open(owner, path(id));
    await rows(page).nth(49).waitFor();
    // Coming into view is enough.
    await page.getByRole('button', { name: 'Show earlier' }).scrollIntoViewIfNeeded();
    await rows(page).nth(59).waitFor();
    expect(await rows(page).count()).toBe(60);
    await page.getByLabel('State').selectOption('dead');
    await rows(page).getByText('Given up').waitFor();
    await waitFor(async () => (await rows(page).count()) === 1);
    await pages.picture(page, 'deliveries-filtered');
    await page.getByLabel('Event').selectOption('group.deleted');
    await page.getByText('No such deliveries').waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await rows(page).nth(49).waitFor();
  });

  test('the keyboard is enough: a delivery opens and closes, dialogs give the focus back', async () => {
    const id = await hook();
    await say('private five');
    await receiver.received(1);
    const page = await pages.open(owner, path(id));
    const row = rows(page).getByRole('button', { name: /message\.new/ });
    await row.focus();
    await page.keyboard.press('Enter');
    await rows(page).getByText('"private five"').waitFor();
    expect(await row.getAttribute('aria-expanded')).toBe('true');
    await page.keyboard.press('Space');
    await waitFor(async () => (await row.getAttribute('aria-expanded')) === 'false');
    const open = page.getByRole('button', { name: 'Send test to Bookings' });
    await open.focus();
    await page.keyboard.press('Enter');
    await hasFocus(dialog(page).getByLabel('Event'));
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    await hasFocus(open);
    await page.getByRole('link', { name: 'All webhooks' }).focus();
    await page.keyboard.press('Enter');
    await card(page).waitFor();
    expect(new URL(page.url()).pathname).toBe(path());
  });

  test('on a phone nothing is wider than the screen, whatever endpoints are called and answer', async () => {
    await hook('W'.repeat(100));
    receiver.answer((response) => response.writeHead(500, { 'x-long': 'x'.repeat(400) }).end('y'.repeat(4_000)));
    await say('z'.repeat(2_000));
    await receiver.received(1);
    const page = await pages.open(owner, path(), PHONE);
    const width = (): Promise<unknown> => page.evaluate('document.documentElement.scrollWidth');
    await card(page, 'W'.repeat(100)).waitFor();
    await page.getByText('Verify what arrives').click();
    expect(await width()).toBe(PHONE.viewport.width);
    await pages.picture(page, 'phone-webhooks');
    await page.getByRole('link', { name: /^Deliveries of/ }).click();
    await rows(page).getByText('Failed, is repeated').waitFor();
    await rows(page)
      .getByRole('button', { name: /message\.new/ })
      .click();
    await rows(page).getByText('Answer', { exact: true }).first().click();
    await rows(page).getByText('Headers of the answer').first().click();
    await rows(page).scrollIntoViewIfNeeded();
    await pages.picture(page, 'phone-delivery');
    expect(await width()).toBe(PHONE.viewport.width);
    expect(await page.evaluate(`document.querySelector('.agent-body').scrollWidth`)).toBe(PHONE.viewport.width);
  });

  test('a webhook that is removed meanwhile says so, and leads back', async () => {
    const id = await hook();
    const page = await pages.open(owner, path(id));
    await page.getByText('Nothing was sent yet').waitFor();
    await as(ada, 'DELETE', `/v1/webhooks/${id}`);
    await page.getByText('This webhook is gone').waitFor();
    await page.getByRole('link', { name: 'Go to its webhooks' }).click();
    await page.getByText('No webhooks yet').waitFor();
  });

  test('dashboard §9: all sections of an agent fit the screen, from a small phone to a desk', async () => {
    const page = await pages.open(owner, path());
    const last = page
      .getByRole('navigation', { name: /^Sections of/ })
      .getByRole('link')
      .last();
    for (const width of [320, 375, 761, 820, 881, 1_081, 1_280, 1_401]) {
      await page.setViewportSize({ width, height: 740 });
      const box = await last.boundingBox();
      expect([width, box !== null && box.x >= 0 && box.x + box.width <= width]).toEqual([width, true]);
    }
  });
});
