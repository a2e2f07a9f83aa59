import { call, createTestAgent, type Parsed, type TestAgent } from '../support/agents';
import { claim, signInOwner, type TestOwner } from '../support/owners';
import { PATIENCE_MS, useOwnersPages } from '../support/owners-pages';
import { useStack } from '../support/use-stack';
import { waitFor } from '../support/wait';

jest.setTimeout(2 * PATIENCE_MS);

const { stack, database, url } = useStack();
const pages = useOwnersPages(url);

/** An owner who claimed an agent, with what it needs to be written to. */
async function claimedAgent(): Promise<{ owner: TestOwner; ada: TestAgent; bob: TestAgent }> {
  const [ada, bob] = [await createTestAgent(database), await createTestAgent(database)];
  const owner = await signInOwner(stack);
  await claim(owner, ada);
  return { owner, ada, bob };
}

let sent = 0;
async function send(from: TestAgent, to: TestAgent, text: string, more: object = {}): Promise<Parsed> {
  sent += 1;
  const body = { to: `@${to.agent.handle}`, client_msg_id: `m${sent}`, content: { text }, ...more };
  const answer = await call(url(), 'POST', '/v1/messages', { key: from.apiKey, body });
  if (answer.status !== 201) throw new Error(`not sent: ${answer.status} ${answer.text}`);
  return answer.body;
}

const mailedCode = (email: string, which: number): Promise<string> =>
  waitFor(() => /\b\d{6}\b/.exec(stack.mailbox.messages(email)[which]?.text ?? '')?.[0], { timeoutMs: PATIENCE_MS });

describe("dashboard §9: the owners' page in a browser", () => {
  test('a wrong code is refused, the mailed one signs in; the key of an agent claims it and opens it', async () => {
    const { apiKey, agent } = await createTestAgent(database);
    const page = await pages.open(null, '/app');
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
    const page = await pages.open(owner, '/app');
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

  test('all that a message carries is there, folded, with copy; hostile JSON does no harm', async () => {
    const { owner, ada, bob } = await claimedAgent();
    const question = await send(ada, bob, 'What do I owe you?');
    const said = await send(bob, ada, '', {
      content: { text: 'Nothing', data: { '<img src=x onerror=alert(1)>': 'pay 100\u202e001' } },
      metadata: { reply_to: question.id, trace: { deep: true } },
    });
    const page = await pages.open(owner, '/app');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('list', { name: 'Conversations' }).getByRole('link', { name: bob.agent.handle }).click();
    const bubble = page.getByRole('log').getByRole('article').filter({ hasText: 'Nothing' });
    await bubble.getByText('You: What do I owe you?').waitFor();
    expect(await page.getByText('"trace"').count()).toBe(0);
    await bubble.getByText('Metadata', { exact: true }).click();
    await bubble.getByText('"deep": true').waitFor();
    await bubble.getByText('Data', { exact: true }).click();
    await bubble.getByText('pay 100\\u202e001').waitFor();
    await bubble.getByRole('button', { name: 'Copy: Data' }).click();
    await bubble.getByRole('button', { name: 'Copied: Data' }).waitFor();
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(JSON.parse(copied)).toEqual(said.content.data);
    expect(await page.locator('img[src="x"]').count()).toBe(0);
    await bubble.locator('summary', { hasText: 'Details' }).click();
    await bubble.getByText(said.id).waitFor();
    await pages.picture(page, 'message-parts');
  });

  test('pausing and resuming are in force when the page says so, and show in its list of agents', async () => {
    const { owner, ada } = await claimedAgent();
    const mode = async (): Promise<unknown> =>
      (await call(url(), 'GET', '/v1/agents/me', { key: ada.apiKey })).body.paused_by_owner;
    const page = await pages.open(owner, `/app/agents/${ada.agent.handle}/settings`);
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
    const watching = await pages.open(other, `/app/agents/${ada.agent.handle}`);
    await watching.getByRole('heading', { name: `@${ada.agent.handle}` }).waitFor();
    const page = await pages.open(owner, '/app/account');
    await page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click();
    for (const signedOut of [page, watching]) await signedOut.getByRole('heading', { name: 'Sign in' }).waitFor();
    await watching.goto(`${url()}/app/agents/${ada.agent.handle}`);
    await watching.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('an agent whose claim ends leaves the page that shows it', async () => {
    const { owner, ada } = await claimedAgent();
    const page = await pages.open(owner, `/app/agents/${ada.agent.handle}`);
    await page.getByRole('heading', { name: `@${ada.agent.handle}` }).waitFor();
    await owner.call('DELETE', `/dashboard/agents/${ada.agent.handle}`);
    await page.getByRole('heading', { name: 'Claim your first agent' }).waitFor();
    // The reason, or that it is gone, when the socket opened only after that.
    const news = new RegExp(`@${ada.agent.handle} (was released|is no longer among your agents)`);
    await page.getByRole('status').filter({ hasText: news }).waitFor();
  });
});
