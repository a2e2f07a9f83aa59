/**
 * Loaded into every api process that a test starts (`node --require`): compares each answer with the OpenAPI document
 * that is made from the same endpoints, whoever asked and however. What does not fit is written to the file that
 * AGENTCHAT_TEST_RESPONSE_FAULTS names; `stack.stop()` reads it and fails the test file. Outside of the product's code,
 * so that what is checked is what ships.
 */
const { appendFileSync } = require('node:fs');
const { ServerResponse } = require('node:http');
const { createResponseCheck } = require('./response-check.cjs');

const file = process.env.AGENTCHAT_TEST_RESPONSE_FAULTS;
const check = createResponseCheck();
/** The bytes of each answer that is being written. */
const bodies = new WeakMap();
const { write, end } = ServerResponse.prototype;

ServerResponse.prototype.write = function (chunk, ...rest) {
  keep(this, chunk);
  return write.call(this, chunk, ...rest);
};

ServerResponse.prototype.end = function (chunk, ...rest) {
  if (typeof chunk !== 'function') keep(this, chunk);
  const ended = end.call(this, chunk, ...rest);
  try {
    report(this);
  } catch (error) {
    note(`the check itself failed: ${error.stack}`);
  }
  return ended;
};

function keep(response, chunk) {
  if (chunk === undefined || chunk === null) return;
  const chunks = bodies.get(response) ?? [];
  chunks.push(Buffer.from(chunk));
  bodies.set(response, chunks);
}

function report(response) {
  const { method, url, headers, socket } = response.req;
  // Not HTTP: what answers such bytes stands in front of all routes.
  if (headers.host === undefined || !socket.writable) return;
  const body = Buffer.concat(bodies.get(response) ?? []);
  const fault = check({ method, url, status: response.statusCode, headers: response.getHeaders(), body });
  if (fault !== null) note(`${method} ${url} → ${response.statusCode}: ${fault}`);
}

function note(line) {
  appendFileSync(file, `${line}\n`);
}
