import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { openBrowser } from './browser';
import type { TestOwner } from './owners';
import { use } from './use';

/** Slow machines are slow: what is waited for decides, not how long it takes. */
export const PATIENCE_MS = 60_000;

/** A phone that many have. */
export const PHONE = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true };

/** Pictures of the screens are left here, for who wants to look at them. */
const PICTURES = process.env['AGENTCHAT_PICTURES'];

/** Browsers on the owners' page for the tests of the surrounding block; none of them may complain. */
export function useOwnersPages(url: () => string) {
  const browser = use(openBrowser, (opened) => opened.close());
  const contexts: BrowserContext[] = [];
  /** Errors of a page's own, and what the content security policy refused. */
  const complaints: string[] = [];
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    expect(complaints.splice(0)).toEqual([]);
  });

  return {
    /** A browser of its own that is signed in as this owner; null: as nobody. */
    async open(owner: TestOwner | null, path: string, options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', ...options });
      contexts.push(context);
      context.setDefaultTimeout(PATIENCE_MS);
      const pairs = owner === null ? [] : owner.cookies.split('; ');
      const cookies = pairs.map((pair) => {
        const at = pair.indexOf('=');
        return { name: pair.slice(0, at), value: pair.slice(at + 1), url: url() };
      });
      await context.addCookies(cookies);
      const page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (line) => {
        if (/Content.Security.Policy/i.test(line.text())) complaints.push(line.text());
      });
      await page.goto(`${url()}${path}`);
      return page;
    },
    /** Leaves a picture of what is seen, when pictures are asked for. */
    async picture(page: Page, name: string): Promise<void> {
      if (PICTURES === undefined) return;
      await mkdir(PICTURES, { recursive: true });
      await page.screenshot({ path: join(PICTURES, `${name}.png`) });
    },
  };
}
