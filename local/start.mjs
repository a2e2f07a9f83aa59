/** `npm start`: brings dist/ up to date, then runs the local stack in this process. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const build = spawnSync(process.execPath, [join(folder, 'build.mjs')], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
createRequire(import.meta.url)('../dist/local/main.js');
