import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where the distribution's packages keep what the other side is started from. */
export interface Packages {
  erl: string;
  /** The folder with the libraries of ejabberd, as in the variable `ERL_LIBS`. */
  erlangLibraries: string;
  /** The tables of ejabberd in PostgreSQL; gzipped in some distributions. */
  schema: string;
  postgresBin: string;
  versions: { ejabberd: string; postgresql: string };
}

const LIBRARIES = '/usr/lib';
const INSTALL = 'apt-get install -y --no-install-recommends ejabberd erlang-p1-pgsql postgresql';

/** What is installed, or one line that says what is missing. */
export function findPackages(): Packages | string {
  if (process.platform !== 'linux') return 'processor time is read from /proc, which only Linux has';
  const erl = firstThatExists(['/usr/bin/erl', '/usr/local/bin/erl']);
  const schema = firstThatExists(
    ['pg.sql', 'pg.sql.gz'].flatMap((name) => [
      `/usr/share/ejabberd/sql/${name}`,
      `/usr/share/doc/ejabberd/examples/${name}`,
    ]),
  );
  const ejabberd = libraryLike(/^ejabberd-[\d.]+(-\d+)?$/);
  const driver = libraryLike(/^p1_pgsql-[\d.]+$/);
  const postgresBin = newestPostgres();
  const missing = [
    ...(erl === undefined || schema === undefined || ejabberd === undefined ? ['ejabberd'] : []),
    ...(driver === undefined ? ['erlang-p1-pgsql'] : []),
    ...(postgresBin === undefined ? ['postgresql'] : []),
  ];
  if (erl === undefined || schema === undefined || ejabberd === undefined || postgresBin === undefined || missing[0]) {
    return `these packages are missing: ${missing.join(', ')} (${INSTALL})`;
  }
  const says = execFileSync(join(postgresBin, 'postgres'), ['--version'], { encoding: 'utf8' });
  const versions = {
    ejabberd: ejabberd.name.replace(/^ejabberd-/, ''),
    postgresql: /\d+(\.\d+)*/.exec(says)?.[0] ?? says.trim(),
  };
  return { erl, erlangLibraries: ejabberd.folder, schema, postgresBin, versions };
}

function firstThatExists(files: readonly string[]): string | undefined {
  return files.find((file) => existsSync(file));
}

/** A library of Erlang below `/usr/lib/<machine>`, where Debian puts those that are compiled. */
function libraryLike(pattern: RegExp): { folder: string; name: string } | undefined {
  const machines = readdirSync(LIBRARIES).filter((name) => name.endsWith('-linux-gnu'));
  for (const folder of [...machines.map((name) => join(LIBRARIES, name)), join(LIBRARIES, 'erlang', 'lib')]) {
    const name = existsSync(folder) ? readdirSync(folder).find((entry) => pattern.test(entry)) : undefined;
    if (name !== undefined) return { folder, name };
  }
  return undefined;
}

function newestPostgres(): string | undefined {
  const folder = join(LIBRARIES, 'postgresql');
  if (!existsSync(folder)) return undefined;
  const [newest] = readdirSync(folder).sort((one, other) => Number(other) - Number(one));
  const bin = join(folder, newest ?? '', 'bin');
  return existsSync(join(bin, 'initdb')) ? bin : undefined;
}

/**
 * The command line that runs a program as that user. PostgreSQL refuses to run as root, and the packages made users for
 * both servers; whoever is not root runs them as themselves. setpriv keeps the process number and the file limit.
 */
export function runAs(user: string, command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]];
  return ['setpriv', [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--', command, ...args]];
}

/** Gives a folder to the user that a server runs as, when this process may. */
export function giveTo(user: string, folder: string): void {
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', user, folder]);
}
