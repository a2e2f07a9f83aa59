import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../local/root';
import { startTestServers, type TestServers } from '../local/test-servers';

declare global {
  var agentchatTestServers: TestServers | undefined;
}

/**
 * Brings dist/ up to date and starts the servers that all test files share, unless the environment names running
 * ones (`npm run test:servers`). Runs of pure tests only need neither.
 */
export default async function globalSetup(config: { nonFlagArgs?: string[] }): Promise<void> {
  if (isPureRun(config.nonFlagArgs ?? [])) return;
  execFileSync(process.execPath, [join(projectRoot, 'local', 'build.mjs')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const names = ['MONGODB_URI', 'TEMPORAL_ADDRESS', 'TEMPORAL_TEST_SERVER'];
  if (names.every((name) => (process.env[`AGENTCHAT_TEST_${name}`] ?? '') !== '')) return;
  const servers = await startTestServers(process.env, (line) => process.stderr.write(`${line}\n`));
  Object.assign(process.env, servers.variables);
  globalThis.agentchatTestServers = servers;
}

/** `npm run test:unit` takes seconds because rules and contract need no server. */
function isPureRun(patterns: readonly string[]): boolean {
  return patterns.length > 0 && patterns.every((pattern) => /^(\.\/)?test\/(domain|contract)(\/|$)/.test(pattern));
}
