import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(__dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const GUIDES = [
  'CONTRIBUTING.md',
  'docs/releasing.md',
  'docs/benchmarks.md',
  '.github/pull_request_template.md',
  '.github/CODEOWNERS',
];
const KINDS = ['Added', 'Changed', 'Fixed', 'Removed', 'Security'];

/** Folders of the repository, as paths begin with them. */
const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !['.git', 'dist', 'node_modules'].includes(entry.name))
  .map(({ name }) => name);

/** Every path that a text names: below a folder of ours, or a file of the root in backquotes or behind a link. */
function pathsIn(text: string): string[] {
  const below = folders.map((name) => name.replace('.', '\\.')).join('|');
  const nested = [...text.matchAll(new RegExp(`(?<![\\w./@{}<>-])/?((?:${below})/[\\w./*<>{}-]*)`, 'g'))];
  const inRoot = [
    ...text.matchAll(/(?:`|\]\()((?:\.\.\/)?\.?[\w-]+\.(?:md|json|cjs|mjs|ts|yml)|Dockerfile|LICENSE)\b/g),
  ];
  return [...nested, ...inRoot]
    .map(([, path = '']) => path.replace(/^\.\.\//, '').replace(/[.,]+$/, ''))
    .filter((path) => !/[<>*{}]/.test(path));
}

describe('guides and repository agree', () => {
  test.each(GUIDES)('%s names paths that exist', (guide) => {
    const paths = pathsIn(read(guide));
    expect(paths.length).toBeGreaterThan(0);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test.each(GUIDES)('%s names scripts that exist', (guide) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(guide).matchAll(/npm (?:run )?(?!ci\b|install\b|version\b|run\b)([\w:-]+)/g)];
    expect(named.map(([, name = '']) => name).filter((name) => !(name in scripts))).toEqual([]);
  });

  test('CONTRIBUTING.md names what stands in the files that it names', () => {
    const named = [...read('CONTRIBUTING.md').matchAll(/`([A-Za-z]\w+)` (?:in|of)\s+`([\w./-]+\.ts)`/g)];
    expect(named.length).toBeGreaterThan(3);
    const missing = named.filter(([, name = '', file = '']) => !new RegExp(`\\b${name}\\b`).test(read(file)));
    expect(missing.map(([text]) => text)).toEqual([]);
  });

  test('CHANGELOG.md has Unreleased on top, then the version of package.json', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    const sections = [...read('CHANGELOG.md').matchAll(/^## (.*)$/gm)].map(([, title = '']) => title);
    expect(sections[0]).toBe('Unreleased');
    expect(sections[1]).toMatch(new RegExp(`^${version.replaceAll('.', '\\.')} – \\d{4}-\\d{2}-\\d{2}$`));
  });

  test('CHANGELOG.md says of each version what was added, changed and fixed, in that order', () => {
    const [, ...versions] = read('CHANGELOG.md').split(/^## /m);
    for (const version of versions) {
      const kinds = [...version.matchAll(/^### (.*)$/gm)].map(([, kind = '']) => kind);
      expect(kinds).toEqual(KINDS.filter((kind) => kinds.includes(kind)));
      const entries = version.slice(0, version.search(/^### /m)).match(/^- /gm);
      expect(entries).toBeNull();
    }
  });

  test('editors and prettier agree on the length of a line', () => {
    const { printWidth } = JSON.parse(read('.prettierrc.json')) as { printWidth: number };
    expect(read('.editorconfig')).toMatch(new RegExp(`^max_line_length = ${printWidth}$`, 'm'));
  });

  test('the workflow of CI runs what everybody runs', () => {
    // The parse point of the workflow.
    const { jobs } = parse(read('.github/workflows/ci.yml')) as { jobs: Record<string, { steps: { run?: string }[] }> };
    const commands = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []));
    expect(commands).toContain('.ci/run');
    for (const command of commands) expect(existsSync(join(root, command.split(' ', 1)[0] ?? ''))).toBe(true);
  });
});

describe('.ci/commit-subjects', () => {
  let folder = '';
  const git = (...args: string[]): string => {
    const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', '-c', 'commit.gpgsign=false'];
    return execFileSync('git', [...identity, ...args], { cwd: folder, encoding: 'utf8' }).trim();
  };
  /** What the check says of a branch of these commits; its exit status comes first. */
  const check = (...subjects: string[]): string[] => {
    const base = git('rev-parse', 'HEAD');
    for (const subject of subjects) git('commit', '--quiet', '--allow-empty', '-m', subject);
    const done = spawnSync(join(root, '.ci/commit-subjects'), [base], { cwd: folder, encoding: 'utf8' });
    return [String(done.status), ...done.stdout.split('\n').filter((line) => line !== '')];
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'agentchat-subjects-'));
    git('init', '--quiet');
    git('commit', '--quiet', '--allow-empty', '-m', 'an old one that nobody asks about');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('lets pass what names its area and has 72 characters', () => {
    expect(check('api: a list of gates', `store, api: ${'x'.repeat(60)}`)).toEqual(['0']);
  });

  test('refuses a subject of 73 characters', () => {
    expect(check(`store: ${'x'.repeat(66)}`)).toEqual(['1', expect.stringContaining('73 characters')]);
  });

  test('refuses a subject without an area', () => {
    expect(check('Fix things')).toEqual(['1', expect.stringContaining('area: what changes')]);
  });
});
