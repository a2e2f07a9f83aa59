import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, normalize } from 'node:path';
import { z } from 'zod';
import { projectRoot } from '../../local/root';

/** What the image leaves out (Dockerfile): the local stack and the benches run from a checkout. */
const LEFT_OUT = ['local', 'bench'];

/** Not loaded but served: the page of the API reference. */
const SERVED = ['@scalar/api-reference'];

const manifest = z
  .object({ dependencies: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')));

const dist = join(projectRoot, 'dist');

/** The compiled files that ship, with the names that each of them loads: types are gone there. */
function shipped(): { file: string; loads: string[] }[] {
  const rooms = readdirSync(dist, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && ![...LEFT_OUT, 'dashboard'].includes(entry.name),
  );
  return rooms.flatMap(({ name }) =>
    readdirSync(join(dist, name), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.js') && !path.endsWith('workflow-bundle.js'))
      .map((path) => {
        const text = readFileSync(join(dist, name, path), 'utf8');
        const loads = [...text.matchAll(/\b(?:require|import)\(['"]([^'"]+)['"]\)/g)].map(([, load = '']) => load);
        return { file: join(name, path), loads };
      }),
  );
}

/** `@scope/name/file` and `name/file` are files of a package. */
const packageOf = (load: string): string => load.split('/', load.startsWith('@') ? 2 : 1).join('/');

describe('what ships to production', () => {
  const files = shipped();

  test('is built, with every process that an operator starts', () => {
    const names = files.map(({ file }) => file);
    const processes = ['api/main.js', 'worker/main.js', 'worker/healthy.js', 'worker/setup-temporal.js'];
    expect(names).toEqual(expect.arrayContaining(processes));
  });

  test('loads no package but those that npm installs without the development ones', () => {
    const missing = files.flatMap(({ file, loads }) =>
      loads
        .filter((load) => !load.startsWith('.') && !isBuiltin(load))
        .filter((load) => manifest.dependencies[packageOf(load)] === undefined)
        .map((load) => `${file} loads ${load}`),
    );
    expect(missing).toEqual([]);
  });

  test('loads nothing of the local stack and the benches', () => {
    const strays = files.flatMap(({ file, loads }) =>
      loads
        .filter((load) => load.startsWith('.'))
        .map((load) => normalize(join(file, '..', load)))
        .filter((path) => LEFT_OUT.includes(path.split('/')[0] ?? '')),
    );
    expect(strays).toEqual([]);
  });

  test('carries no package that nothing of it needs', () => {
    const loaded = new Set(files.flatMap(({ loads }) => loads.map(packageOf)));
    const unused = Object.keys(manifest.dependencies).filter((name) => !loaded.has(name) && !SERVED.includes(name));
    expect(unused).toEqual([]);
  });
});
