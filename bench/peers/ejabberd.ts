import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startChild } from '../../local/child';
import { type Guardian } from '../../local/guardian';
import { freePort } from '../../local/ports';
import { projectRoot } from '../../local/root';
import { giveTo, runAs, type Packages } from './packages';
import { type Postgres } from './postgres';

const USER = 'ejabberd';
const READY_MS = 60_000;

/** A running ejabberd: XMPP over WebSocket and the calls of its administrator, both on `port`. */
export interface Ejabberd {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/** Starts ejabberd with its data in `folder`, as its own control script does but for the daemon that finds other nodes. */
export async function startEjabberd(
  packages: Packages,
  postgres: Postgres,
  folder: string,
  guardian: Guardian,
): Promise<Ejabberd> {
  const [port, nodePort] = [await freePort(), await freePort()];
  const home = join(folder, 'ejabberd');
  const [spool, config] = [join(home, 'spool'), join(home, 'ejabberd.yml')];
  await mkdir(spool, { recursive: true });
  await writeFile(config, await configuration(port, postgres));
  giveTo(USER, home);
  const flags = ['+K', 'true', '+P', '250000', '-noinput', '-env', 'ERL_CRASH_DUMP_BYTES', '0'];
  const node = ['-sname', 'peers@localhost', '-erl_epmd_port', String(nodePort), '-start_epmd', 'false'];
  const loopback = ['-kernel', 'inet_dist_use_interface', '{127,0,0,1}'];
  const start = ['-mnesia', 'dir', JSON.stringify(spool), '-s', 'ejabberd'];
  const [command, args] = runAs(USER, packages.erl, [...flags, ...node, ...loopback, ...start]);
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: spool,
    ERL_LIBS: packages.erlangLibraries,
    ERL_MAX_PORTS: '32000',
    EJABBERD_CONFIG_PATH: config,
    EJABBERD_LOG_PATH: join(spool, 'ejabberd.log'),
  };
  const child = await startChild({ name: 'ejabberd', command, args, env, cwd: spool, guardian });
  const deadline = Date.now() + READY_MS;
  while (!(await isUp(port))) {
    if (!child.isRunning() || Date.now() > deadline)
      throw new Error(`ejabberd did not start\n${child.tail().join('\n')}`);
    await pause(100);
  }
  return { port, pid: child.pid, stop: async () => void (await child.stop('SIGTERM', 20_000)) };
}

async function configuration(port: number, postgres: Postgres): Promise<string> {
  const values: Record<string, string | number> = {
    PORT: port,
    SQL_PORT: postgres.port,
    SQL_DATABASE: postgres.database,
    SQL_USER: postgres.user,
  };
  const template = await readFile(join(projectRoot, 'bench', 'peers', 'ejabberd.yml'), 'utf8');
  return template.replace(/\$\{([A-Z_]+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

async function isUp(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/ws`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
