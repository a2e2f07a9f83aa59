import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../local/root';
import { useFolder } from '../support/folder';

/** Forbidden imports, and the rule that has to find each. */
const PLANTED: [what: string, file: string, imports: string, rule: string][] = [
  ['a rule that reads the store', 'domain/rule.ts', "import '../store/schema/a';", 'domain-imports'],
  [
    'a type of the api in the store',
    'store/groups/x.ts',
    "import type { A } from '../../api/a';",
    'store-imports-types',
  ],
  ['a workflow with an activity in it', 'workflows/x.ts', "import '../activities/a';", 'workflows-imports'],
  ['contacts that know of sends', 'store/contacts/x.ts', "import '../sending/a';", 'store-contacts-imports'],
  ['a type of sends in inbox', 'store/inbox/x.ts', "import type { A } from '../sending/a';", 'store-inbox-imports'],
  ['a loose file in store', 'store/x.ts', "import './schema/a';", 'store-folders-listed'],
  ['the wire in a workflow', 'workflows/y.ts', "import '../contract/errors';", 'pure-leaves'],
];

const ALLOWED = ['store/schema/a.ts', 'store/sending/a.ts', 'api/a.ts', 'activities/a.ts', 'contract/errors.ts'];

describe('import directions', () => {
  const folder = useFolder('directions');

  /** The rules that each file breaks, of a small tree with all that is planted. */
  function cruise(): Map<string, string[]> {
    const write = (path: string, content: string): void => {
      mkdirSync(dirname(join(folder.path, path)), { recursive: true });
      writeFileSync(join(folder.path, path), content);
    };
    for (const path of ALLOWED) write(path, 'export type A = string;\nexport const a = 1;\n');
    write('store/sending/b.ts', "import '../schema/a';\nexport const b = 1;\n");
    for (const [, file, imports] of PLANTED) write(file, `${imports}\nexport const planted = 1;\n`);
    for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json'])
      cpSync(join(projectRoot, name), join(folder.path, name));
    const cruiser = join(projectRoot, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const rooms = ['api', 'activities', 'contract', 'domain', 'store', 'workflows'];
    const args = [cruiser, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...rooms];
    // The parse point of the report.
    const report = JSON.parse(execFileSync(process.execPath, args, { cwd: folder.path, encoding: 'utf8' })) as {
      summary: { violations: { from: string; rule: { name: string } }[] };
    };
    const found = new Map<string, string[]>();
    for (const { from, rule } of report.summary.violations) found.set(from, [...(found.get(from) ?? []), rule.name]);
    return found;
  }

  test('each planted import is found by its rule, and nothing else is', () => {
    const found = cruise();
    for (const [, file, , rule] of PLANTED)
      expect([file, found.get(file)]).toEqual([file, expect.arrayContaining([rule])]);
    expect([...found.keys()].filter((from) => from.endsWith('.ts')).sort()).toEqual(
      PLANTED.map(([, file]) => file).sort(),
    );
  });
});
