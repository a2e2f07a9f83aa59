/**
 * Saves the history of one flow as JSON: `node save-history.cjs <address> <namespace> <workflow id> <file>`. A process
 * of its own because the conversion to JSON fails inside a jest sandbox. Names and paths of the recording machine are
 * taken out.
 */
require('./one-protobuf.cjs');
const { mkdirSync, writeFileSync } = require('node:fs');
const { hostname } = require('node:os');
const { dirname, join, sep } = require('node:path');
const { Client, Connection } = require('@temporalio/client');
const { historyToJSON } = require('@temporalio/common/lib/proto-utils');

async function save([address, namespace, workflowId, file]) {
  const connection = await Connection.connect({ address });
  const history = await new Client({ connection, namespace }).workflow.getHandle(workflowId).fetchHistory();
  await connection.close();
  const json = historyToJSON(history)
    .replace(/"identity": "[^"]*"/g, '"identity": "recorded"')
    .replaceAll(`${join(__dirname, '..', '..')}${sep}`, '')
    .replaceAll(hostname(), 'host');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${json}\n`);
}

save(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
