import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, NEVER_EMITTED } from '../../contract/codes';
import { ENDPOINTS } from '../../contract/endpoints';
import { isHandle, isReservedHandle } from '../../contract/handles';
import { ID_PREFIX } from '../../contract/ids';
import { ADDRESS_LIMITS, AGENT_LIMITS, SERVICE_LIMITS } from '../../contract/limits';
import { CONFIG_NAMES } from '../../platform/config';

const read = (file: string): string => readFileSync(join(__dirname, '../..', file), 'utf8');
const conventions = read('docs/contract/conventions.md');

/** Every file of the repository, by its path. */
const trackedFiles = (): string[] =>
  execFileSync('git', ['ls-files'], { cwd: join(__dirname, '../..'), encoding: 'utf8' })
    .trim()
    .split('\n');

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

  test('conventions.md lists every request window with its limit and its length', () => {
    const rows = rowsOf(section(conventions, '## 10. Rate limits'));
    const listed = (scope: string, isOfAgents: boolean): [number, number] => {
      const row = rows.find(
        ([names = '', subject = '']) => codesIn(names).includes(scope) && (subject === 'agent') === isOfAgents,
      );
      if (row === undefined) throw new Error(`${scope} is not in the table`);
      const [names = '', , limit = '', window = ''] = row;
      // One row for several scopes names limit and window of each, in their order: `5/h, 10/10 min`.
      const own = names.includes(' / ')
        ? (limit.split(', ')[codesIn(names).indexOf(scope)] ?? '')
        : `${limit}/${window}`;
      return [Number.parseInt(own.replaceAll(',', ''), 10), windowMsOf(own.slice(own.indexOf('/')))];
    };
    for (const [scope, { limit, windowMs }] of Object.entries({ ...ADDRESS_LIMITS, ...SERVICE_LIMITS })) {
      expect([scope, ...listed(scope, false)]).toEqual([scope, limit, windowMs]);
    }
    for (const scope of ['directory', 'directory_daily', 'group_invite', 'mute_write', 'avatar_write'] as const) {
      const { limit, windowMs } = AGENT_LIMITS[scope];
      expect([scope, ...listed(scope, true)]).toEqual([scope, limit, windowMs]);
    }
  });

  test('every reserved word of conventions.md is reserved', () => {
    const text = section(conventions, '## 7. Handles');
    const lists = [...text.slice(text.indexOf('Reserved handles')).matchAll(/: `([^`]+)`/g)].flatMap(([, words = '']) =>
      words.split(/\s+/),
    );
    expect(lists.length).toBeGreaterThan(100);
    expect(lists.filter((word) => isHandle(word) && !isReservedHandle(word))).toEqual([]);
  });

  test('no handle can be taken that a path means otherwise', () => {
    const paths = ENDPOINTS.map(({ path }) => path.split('/'));
    const taken = paths.flatMap((own) => {
      const place = own.indexOf(':handle');
      const isSibling = (other: string[]) => other.slice(0, place).join('/') === own.slice(0, place).join('/');
      return place < 0 ? [] : paths.filter(isSibling).flatMap((other) => other[place] ?? []);
    });
    const literals = [...new Set(taken)].filter((word) => isHandle(word));
    expect(literals).toContain('batch');
    expect(literals.filter((word) => !isReservedHandle(word))).toEqual([]);
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
    const documents = trackedFiles().filter(
      (file) => /\.(md|yml|json)$/.test(file) && !file.startsWith('docs/contract/'),
    );
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/operations.md']));
    const named = documents.flatMap((file) =>
      [...read(file).matchAll(/npm (?:run (?:--silent )?([\w:-]*\w)|(start|test)\b)/g)].map(([, script, short]) => ({
        file,
        script: script ?? short ?? '',
      })),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ script }) => !(script in scripts))).toEqual([]);
  });
});

/** The length of a window that a cell tells in words: `10 min fixed`, `rolling 24 h`, `/h`. */
function windowMsOf(words: string): number {
  const [, count = '', unit = ''] = /(\d*) ?(h|min|s)\b/.exec(words) ?? [];
  return Number(count || 1) * ({ h: 3_600_000, min: 60_000, s: 1_000 }[unit] ?? Number.NaN);
}
