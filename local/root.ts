import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of package.json: the same whether this file runs compiled from `dist/local` or from its source. */
export const projectRoot = findRoot(__dirname);

/** The file of `dist/` that holds the compiled module, for example `compiled('api/main')`. */
export function compiled(module: string): string {
  return join(projectRoot, 'dist', `${module}.js`);
}

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('package.json was not found above the running code');
  return findRoot(parent);
}
