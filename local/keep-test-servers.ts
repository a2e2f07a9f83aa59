import { readEnvironment } from '../platform/environment';
import { startTestServers } from './test-servers';

/** Keeps the servers of the tests running, so that test runs start at once: `npm run test:servers`. */
async function main(): Promise<void> {
  const servers = await startTestServers(readEnvironment(), (line) => process.stderr.write(`${line}\n`));
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  const lines = Object.entries(servers.variables).map(([name, value]) => `export ${name}='${value}'`);
  process.stdout.write(`${lines.join('\n')}\n`);
  // A listener for signals alone does not keep the process alive.
  const alive = setInterval(() => undefined, 60_000);
  await ended;
  clearInterval(alive);
  await servers.stop();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
