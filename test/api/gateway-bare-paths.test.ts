import { servedEndpoints } from '../support/routes';

const pathsOf = (env: Record<string, string>): string[] => servedEndpoints(env).map(({ path }) => path);

describe('GATEWAY_BARE_PATHS', () => {
  test('gateway.md §16: off, the bare paths of agents and teams are gone, and all of their twins are there', () => {
    const all = pathsOf({});
    const bare = all.filter((path) => /^\/(agents|teams)(\/|$)/.test(path));
    expect(bare.length).toBeGreaterThan(20);
    for (const path of bare) expect(all).toContain(`/api${path}`);
    expect(pathsOf({ GATEWAY_BARE_PATHS: 'off' })).toEqual(all.filter((path) => !bare.includes(path)));
  });
});
