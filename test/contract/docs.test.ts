import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, NEVER_EMITTED } from '../../contract/codes';
import { isHandle, isReservedHandle } from '../../contract/handles';
import { ID_PREFIX } from '../../contract/ids';
import { ADDRESS_LIMITS, AGENT_LIMITS, SERVICE_LIMITS } from '../../contract/limits';
import { CONFIG_NAMES } from '../../platform/config';

const read = (file: string): string => readFileSync(join(__dirname, '../..', file), 'utf8');
const conventions = read('docs/contract/conventions.md');

/** The cells of the table rows of `text`. */
function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The section that starts with `heading`, up to the next heading of any level. */
function section(text: string, heading: string): string {
  const start = text.indexOf(heading);
  if (start < 0) throw new Error(`there is no ${heading}`);
  const rest = text.slice(start + heading.length);
  return rest.slice(0, rest.search(/\n#{2,3} /));
}

const codesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

describe('docs and code agree', () => {
  test('conventions.md lists every error code with its status, and no other', () => {
    const listed = rowsOf(section(conventions, '### Full table of codes')).flatMap(([names = '', status = '']) =>
      codesIn(names).map((code) => [code, Number.parseInt(status, 10)] as const),
    );
    const known = Object.entries(ERRORS).map(([code, { status }]) => [code, status] as const);
    expect([...listed].sort()).toEqual([...known].sort());
    for (const code of NEVER_EMITTED) expect([code, code in ERRORS]).toEqual([code, false]);
  });

  test('conventions.md lists every request window with its limit', () => {
    const rows = rowsOf(section(conventions, '## 10. Rate limits'));
    const limits = { ...ADDRESS_LIMITS, ...SERVICE_LIMITS };
    for (const [scope, { limit }] of Object.entries(limits)) {
      const row = rows.find(([names = '', subject = '']) => codesIn(names).includes(scope) && subject !== 'agent');
      if (row === undefined) throw new Error(`${scope} is not in the table`);
      const [names = '', , listed = ''] = row;
      const place = codesIn(names).indexOf(scope);
      const numbers = names.includes('/') ? listed : (listed.match(/\d[\d,]*/)?.[0] ?? '');
      expect([scope, numbers.replaceAll(',', '')]).toEqual([scope, expect.stringContaining(String(limit))]);
      expect(place).toBeGreaterThanOrEqual(0);
    }
    for (const scope of ['directory', 'directory_daily', 'group_invite', 'mute_write', 'avatar_write'] as const) {
      const row = rows.find(([names = '', subject = '']) => codesIn(names).includes(scope) && subject === 'agent');
      expect([scope, row?.[2]?.replaceAll(',', '')]).toEqual([
        scope,
        expect.stringMatching(new RegExp(`^${AGENT_LIMITS[scope].limit}\\b`)),
      ]);
    }
  });

  test('every reserved word of conventions.md is reserved, and so is every path segment that could be a handle', () => {
    const text = section(conventions, '## 7. Handles');
    const lists = [...text.slice(text.indexOf('Reserved handles')).matchAll(/: `([^`]+)`/g)].flatMap(([, words = '']) =>
      words.split(/\s+/),
    );
    expect(lists.length).toBeGreaterThan(100);
    for (const word of lists.filter(isHandle)) expect([word, isReservedHandle(word)]).toEqual([word, true]);
  });

  test('conventions.md lists the prefix of every id on the wire', () => {
    const listed = rowsOf(section(conventions, '## 12. Identifiers')).flatMap(([cell = '']) => codesIn(cell));
    const { outboxRow: _, ...onTheWire } = ID_PREFIX;
    for (const prefix of Object.values(onTheWire)) expect(listed).toContain(prefix);
  });

  test('operations.md lists every variable of the environment, and no other', () => {
    const rows = rowsOf(section(read('docs/operations.md'), '## Configuration'));
    const listed = rows.flatMap(([names = '']) => codesIn(names));
    expect([...listed].sort()).toEqual([...CONFIG_NAMES].sort());
  });

  test('every command that a document names exists', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const file of ['README.md', 'docs/operations.md', 'test/README.md', 'bench/README.md', 'local/README.md']) {
      for (const [, name = ''] of read(file).matchAll(/npm run ([\w:-]+)/g)) {
        expect([file, name, name in scripts]).toEqual([file, name, true]);
      }
    }
  });
});
