import { once } from 'node:events';
import { ADDRESS_USAGE, loadSdk, readOptions, runDemo, step } from './demo-stack';
import { startEchoAgent } from './echo-agent';

const USAGE = `npm run demo:agent [-- --handle NAME] [--url URL] [--mailbox URL]

  --handle   of the agent, default: echo- and something new
${ADDRESS_USAGE}`;

/** `npm run demo:agent`, against a running stack: an agent to talk to, until Ctrl-C. */
async function main(): Promise<void> {
  const options = await readOptions('handle');
  if (options === undefined) return step(USAGE);
  const { addresses, given } = options;
  step(`Stack: ${addresses.url}, mailbox: ${addresses.mailbox}`);
  const handle = given.handle ?? `echo-${Date.now().toString(36)}`;
  const agent = await startEchoAgent(await loadSdk(), addresses, handle);
  step(`\n@${handle} answers everyone. Ctrl-C ends it.`);
  step(`Talk to it:  npm run demo:chat -- --agent ${handle}`);
  step(`Or claim it on ${addresses.url}/app with its API key:  ${agent.apiKey}\n`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  agent.goOffline();
  step(`@${handle} is offline`);
}

runDemo(main);
