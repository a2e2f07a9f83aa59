import type { Locator, Page } from 'playwright-core';
import { call } from '../support/agents';
import { SdkAgent } from '../support/sdk';
import { signInUser, type GatewayUser } from '../support/gateway';
import { claim } from '../support/owners';
import { PATIENCE_MS, PHONE, useOwnersPages } from '../support/owners-pages';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

jest.setTimeout(3 * PATIENCE_MS);

const PAY_TO = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';

describe('gateway §6.3: the price of an agent on the page', () => {
  const { stack, database, url } = useStack({ env: { X402_FACILITATOR: 'local' } });
  const pages = useOwnersPages(url);

  async function ownerWithAgent(): Promise<{ user: GatewayUser; handle: string; path: string }> {
    const { handle, account } = await SdkAgent.create(database, url());
    const user = await signInUser(stack);
    await claim(user.owner, account);
    return { user, handle, path: `/app/agents/${handle}/settings` };
  }
  const card = (page: Page): Locator => page.getByRole('region', { name: 'Price', exact: true });
  const dialog = (page: Page): Locator => page.getByRole('dialog');
  /** What strangers are told. */
  const offer = async (handle: string): Promise<[number, unknown]> => {
    const { status, body } = await call(url(), 'GET', `/api/paid/${handle}/info`);
    return [status, body.price?.amount];
  };

  test('an owner sets a price, changes it, switches it off and on again; strangers are told at once', async () => {
    const { user, handle, path } = await ownerWithAgent();
    const page = await pages.open(user.owner, path);
    await card(page).getByText('No price yet.').waitFor();
    expect(await card(page).getByRole('button').allTextContents()).toEqual(['Set a price']);
    await card(page).getByRole('button', { name: 'Set a price' }).click();
    await dialog(page).getByLabel('An answer costs').fill('0.01');
    await dialog(page).getByLabel('Token').selectOption({ label: 'USDC on Base Sepolia (play money)' });
    await dialog(page).getByLabel('Paid to').fill(PAY_TO);
    await dialog(page).getByLabel('Description').fill('A forecast');
    await dialog(page).getByLabel('Seconds for an answer').fill('60');
    await pages.picture(page, 'price-form');
    await dialog(page).getByRole('button', { name: 'Save and switch on' }).click();
    await card(page).getByText('0.01 USDC on Base Sepolia').waitFor();
    await card(page).scrollIntoViewIfNeeded();
    await pages.picture(page, 'price-on');
    expect((await user.call('GET', `/api/agents/${handle}/payments`)).body).toEqual({
      enabled: true,
      price: {
        amount: '10000',
        asset: '0x036CbD53842c5426634e7929541eC2318f3dCF7e',
        network: 'eip155:84532',
        name: 'USDC',
        version: '2',
        decimals: 6,
      },
      pay_to: PAY_TO,
      description: 'A forecast',
      timeout_seconds: 60,
    });
    expect(await offer(handle)).toEqual([200, '10000']);

    await card(page).getByRole('button', { name: 'Change the price' }).click();
    await dialog(page).getByLabel('An answer costs').fill('1.5');
    await dialog(page).getByRole('button', { name: 'Save', exact: true }).click();
    await card(page).getByText('1.5 USDC on Base Sepolia').waitFor();
    expect(await offer(handle)).toEqual([200, '1500000']);

    await card(page).getByRole('button', { name: 'Switch off' }).click();
    await card(page).getByText('Off', { exact: true }).waitFor();
    expect(await offer(handle)).toEqual([404, undefined]);
    await page.reload();
    await card(page).getByRole('button', { name: 'Switch on' }).click();
    await card(page).getByText('On', { exact: true }).waitFor();
    expect(await offer(handle)).toEqual([200, '1500000']);
    expect((await user.call('GET', `/api/agents/${handle}/payments`)).body.description).toBe('A forecast');
  });

  test('what cannot be paid is said at its field before anything is sent, on a phone, too', async () => {
    const { user, handle, path } = await ownerWithAgent();
    const page = await pages.open(user.owner, path, PHONE);
    await card(page).getByRole('button', { name: 'Set a price' }).click();
    await dialog(page).getByLabel('An answer costs').fill('0,01');
    await dialog(page).getByLabel('Token').selectOption({ label: 'Another token' });
    await dialog(page).getByLabel('Paid to').fill('my account');
    await dialog(page).getByRole('button', { name: 'Save and switch on' }).click();
    const invalid = dialog(page).locator('[aria-invalid="true"]');
    await waitFor(async () => (await invalid.count()) === 7);
    await dialog(page).getByText('Write a number with a point, like 0.05.').waitFor();
    await pages.picture(page, 'phone-price-problems');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.viewport.width);
    expect((await user.call('GET', `/api/agents/${handle}/payments`)).body.price).toBeNull();
    for (const [label, text] of [
      ['An answer costs', '2'],
      ['Network', 'eip155:1'],
      ['Address of the token', `0x${'ab'.repeat(20)}`],
      ['Name in signatures', 'Gold'],
      ['Version in signatures', '1'],
      ['Decimals', '2'],
      ['Paid to', PAY_TO],
    ] as const) {
      await dialog(page).getByLabel(label).fill(text);
    }
    expect(await invalid.count()).toBe(0);
    await dialog(page).getByRole('button', { name: 'Save and switch on' }).click();
    await card(page).getByText('2 Gold on eip155:1').waitFor();
    expect(await offer(handle)).toEqual([200, '200']);
  });
});
