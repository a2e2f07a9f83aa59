import { useStack } from '../support/use-stack';

const { url } = useStack({
  workers: 0,
  env: { NODE_ENV: 'production', RATE_LIMITS: 'on', PUBLIC_BASE_URL: 'https://chat.example.com' },
});

const get = (path: string, init?: RequestInit) => fetch(`${url()}${path}`, init);

function assetsOf(page: string): string[] {
  return [...page.matchAll(/(?:src|href)="(\/app\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '');
}

describe("dashboard §9: the owners' page", () => {
  test.each(['/app', '/app/', '/app/agents/ada', '/app/agents/ada/chats/conv_1', '/app/anything?x=1'])(
    '%s is the page, never from a cache',
    async (path) => {
      const answer = await get(path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await answer.text()).toContain('<div id="root">');
    },
  );

  test('its files have names of their own for each content, are kept for ever and arrive compressed', async () => {
    const assets = assetsOf(await (await get('/app')).text());
    expect(assets.filter((path) => path.endsWith('.js')).length).toBeGreaterThan(0);
    for (const path of assets) {
      const answer = await get(path);
      expect(path).toMatch(/-[\w-]{8,}\.\w+$/);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(answer.headers.get('content-encoding')).toBe('gzip');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect((await answer.text()).length).toBeGreaterThan(0);
    }
  });

  test('a file of another version is 404, not the page; nothing is written under /app', async () => {
    expect((await get('/app/assets/index-00000000.js')).status).toBe(404);
    expect((await get('/app/assets/..%2findex.html')).status).toBe(404);
    expect((await get('/app', { method: 'POST' })).status).toBe(404);
    expect((await get('/apple')).status).toBe(404);
  });

  test('§3.2: no frame may hold it, nothing inline or foreign runs in it', async () => {
    const { headers } = await get('/app/agents/ada');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('strict-origin-when-cross-origin');
    expect(headers.get('strict-transport-security')).toContain('max-age=31536000');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("connect-src 'self' wss://chat.example.com");
    expect(policy).not.toContain('unsafe-inline');
    const page = await (await get('/app')).text();
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=/);
  });
});
