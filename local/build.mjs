/**
 * Brings `dist/` up to date: compiles when a source has changed since the last build, removes the output of
 * deleted sources, and rebuilds the workflow bundle and the owners' page when what goes into them has changed.
 * Several processes may call this at once; the first builds, the others wait and find the work done.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const lockFile = join(root, 'node_modules', '.agentchat-build.lock');
const compilerSettings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
const rooms = JSON.parse(readFileSync(join(root, 'tsconfig.build.json'), 'utf8')).include;
const bundledRooms = ['workflows', 'domain', 'contract'];
const lockWaitMsMax = 180_000;

process.exitCode = withLock(() => compile() && bundle() && page()) ? 0 : 1;

function compile() {
  const sources = rooms.flatMap((room) => filesUnder(join(root, room), '.ts'));
  const fingerprint = hashOf([...compilerSettings.map((name) => join(root, name)), ...sources]);
  const stamp = join(dist, '.sources');
  if (readIfThere(stamp) === fingerprint) return true;
  removeOrphans(sources);
  rmSync(stamp, { force: true });
  if (!run([join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'])) return false;
  writeFileSync(stamp, fingerprint);
  return true;
}

function bundle() {
  const bundler = join(dist, 'worker', 'bundle.js');
  if (!existsSync(bundler)) return true;
  const inputs = bundledRooms.flatMap((room) => filesUnder(join(dist, room), '.js'));
  const fingerprint = hashOf([bundler, join(root, 'package-lock.json'), ...inputs]);
  const stamp = join(dist, '.bundled');
  if (readIfThere(stamp) === fingerprint) return true;
  rmSync(stamp, { force: true });
  if (!run([bundler])) return false;
  writeFileSync(stamp, fingerprint);
  return true;
}

/** Types of the contract are erased, so the page is stale only when its own files or libraries changed. */
function page() {
  const fingerprint = hashOf([join(root, 'package-lock.json'), ...filesUnder(join(root, 'dashboard'), '')]);
  const stamp = join(dist, '.page');
  if (readIfThere(stamp) === fingerprint && existsSync(join(dist, 'dashboard', 'index.html'))) return true;
  rmSync(stamp, { force: true });
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  // Whoever builds for a test would otherwise get the libraries' development builds.
  if (!run([vite, 'build', 'dashboard', '--logLevel', 'warn'], { NODE_ENV: 'production' })) return false;
  writeFileSync(stamp, fingerprint);
  return true;
}

/** Output whose source is gone would still be loaded by name, so it goes too. */
function removeOrphans(sources) {
  const expected = new Set(sources.map((file) => relative(root, file).replace(/\.ts$/, '.js')));
  for (const room of rooms) {
    for (const file of filesUnder(join(dist, room), '.js')) {
      if (expected.has(relative(dist, file)) || /bundle/.test(relative(dist, file))) continue;
      rmSync(file, { force: true });
      rmSync(`${file}.map`, { force: true });
      // The compiler would otherwise believe that a source which comes back has been written already.
      rmSync(join(dist, '.tsbuildinfo'), { force: true });
    }
  }
}

function run(args, variables = {}) {
  const env = { ...process.env, ...variables };
  const done = spawnSync(process.execPath, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  if (done.status === 0) return true;
  process.stderr.write(`build failed: node ${args.map((arg) => relative(root, arg) || arg).join(' ')}\n`);
  process.stderr.write(`${done.stdout}${done.stderr}`);
  return false;
}

function filesUnder(folder, extension) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(relative(root, file).split(sep).join('/')).update('\0');
    hash.update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** One builder at a time. The lock names its holder, so that one left behind by a killed process does not block. */
function withLock(work) {
  mkdirSync(dist, { recursive: true });
  const deadline = Date.now() + lockWaitMsMax;
  while (!takeLock()) {
    const holder = Number(readIfThere(lockFile) ?? 0);
    if (holder !== 0 && !isAlive(holder)) rmSync(lockFile, { force: true });
    else if (Date.now() > deadline) {
      process.stderr.write(`build: process ${holder} has held ${lockFile} for too long; remove the file\n`);
      return false;
    } else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  try {
    return work();
  } finally {
    rmSync(lockFile, { force: true });
  }
}

function takeLock() {
  try {
    const file = openSync(lockFile, 'wx');
    writeFileSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
