import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HISTORIES, replayHistories } from '../support/histories';

/** A change of workflow code that running flows cannot follow shows here, not in production. */
describe('recorded histories', () => {
  async function recorded(): Promise<string[]> {
    const names = await readdir(HISTORIES, { recursive: true });
    return names.filter((name) => name.endsWith('.json')).sort();
  }

  test('every one of them replays through the workflow code as it is now', async () => {
    const outcome = await replayHistories(HISTORIES);
    expect(Object.keys(outcome).sort()).toEqual(await recorded());
    expect(Object.entries(outcome).filter(([, fault]) => fault !== null)).toEqual([]);
  });

  test('each flow has its behaviours on record', async () => {
    const names = await recorded();
    const flows = [
      'registration',
      'recovery',
      'rotation',
      'sign-in',
      'visit',
      'account-deletion',
      'enforcement',
      'group-deletion',
      'webhook',
      'webhook-recovery',
      'webhook-test',
      'inbox-release',
      'turn',
      'team-turn',
      'paid-turn',
    ];
    for (const flow of [...flows, 'housekeeping']) {
      expect(names.filter((name) => name.startsWith(`${flow}/`)).length).toBeGreaterThan(0);
    }
  });

  test('a history that the code would not have made fails', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'agentchat-histories-'));
    try {
      const name = join('registration', 'verified.json');
      await cp(join(HISTORIES, name), join(folder, 'as-it-was.json'));
      const altered = (await readFile(join(HISTORIES, name), 'utf8')).replaceAll('"checkProof"', '"closePending"');
      await writeFile(join(folder, 'altered.json'), altered);
      const outcome = await replayHistories(folder);
      expect(outcome['as-it-was.json']).toBeNull();
      expect(outcome['altered.json']).toMatch(/nondeterminism/i);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test('none of them holds a key or an address, neither plain nor in a payload', async () => {
    for (const name of await recorded()) {
      const text = await readFile(join(HISTORIES, name), 'utf8');
      const payloads = [...text.matchAll(/"data": "([A-Za-z0-9+/=]+)"/g)].map(([, data]) =>
        Buffer.from(data ?? '', 'base64').toString('utf8'),
      );
      expect(payloads.length).toBeGreaterThan(0);
      for (const part of [text, ...payloads]) {
        const found = /ac_live_|[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-z]{2,}/i.exec(part)?.[0];
        expect([name, found]).toEqual([name, undefined]);
      }
    }
  });
});
