/**
 * Replays recorded histories through the workflow bundle: `node replay-histories.cjs <bundle> <folder>`. Prints one JSON
 * object on the last line: file name → null, or what the replay failed with. A process of its own because replaying fails inside a jest
 * sandbox.
 */
require('./one-protobuf.cjs');
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { DefaultLogger, Runtime, Worker } = require('@temporalio/worker');

function* historiesIn(folder) {
  for (const name of readdirSync(folder, { recursive: true }).sort()) {
    if (!name.endsWith('.json')) continue;
    yield { workflowId: name, history: JSON.parse(readFileSync(join(folder, name), 'utf8')) };
  }
}

async function replay([codePath, folder]) {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
  const outcome = {};
  for await (const { workflowId, error } of Worker.runReplayHistories(
    { workflowBundle: { codePath } },
    historiesIn(folder),
  )) {
    outcome[workflowId] = error === undefined ? null : error.message;
  }
  process.stdout.write(`\n${JSON.stringify(outcome)}\n`);
}

replay(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
