import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { readEnvironment } from '../platform/environment';
import { openDataDir } from './data-dir';
import { LocalStack, type StackUrls } from './local-stack';
import { type LocalSettings, readSettings, USAGE } from './settings';

/**
 * `npm start`: runs the whole stack until Ctrl-C. Exit code 0 after an orderly end, 1 with one line on stderr when it
 * cannot start.
 */
async function main(): Promise<number> {
  const settings = readSettings(process.argv.slice(2), readEnvironment());
  if (settings === undefined) {
    say(USAGE);
    return 0;
  }
  const interrupted = untilInterrupted();
  const path = settings.isEphemeral ? await mkdtemp(join(tmpdir(), 'agentchat-')) : settings.dataDir;
  const data = await openDataDir(path, say);
  const stack = new LocalStack(settings, data, say);
  try {
    const urls = await Promise.race([stack.start(), interrupted]);
    if (urls !== undefined) say(readyBlock(urls, settings));
    await interrupted;
    say('stopping');
    return 0;
  } finally {
    await stack.stop();
  }
}

/** Ctrl-C reaches this process from the terminal and once more through npm. */
const sameRequestMs = 1_000;

/** Resolves at the first request to end. A second one ends at once; the guarding process then ends the children. */
function untilInterrupted(): Promise<undefined> {
  // A closed terminal must not keep the stack from ending in order.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return new Promise((resolve) => {
    let askedAt: number | undefined;
    const ask = (): void => {
      if (askedAt !== undefined && Date.now() - askedAt > sameRequestMs) process.exit(1);
      askedAt ??= Date.now();
      resolve(undefined);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
  });
}

const webhookWarning =
  '  Warning: webhooks may call http and private addresses here (WEBHOOK_ALLOW_HTTP, WEBHOOK_ALLOW_PRIVATE).';

function readyBlock(urls: StackUrls, settings: LocalSettings): string {
  const rows: [string, string][] = [
    ['API', urls.api],
    ['API reference', `${urls.api}/docs`],
    ['Owners’ page', `${urls.api}/app`],
    ['Temporal UI', urls.temporalUi ?? `of ${settings.given.temporalAddress ?? ''}`],
    ['Mailbox', urls.mailbox ?? 'none, mail goes to SMTP_URL'],
    ['Data', settings.isEphemeral ? 'removed at the end' : `${shownPath(settings.dataDir)} (kept)`],
    ['Try it', demoCommand(urls, settings)],
  ];
  return [
    '',
    'AgentChat is ready.',
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(15)}${value}`),
    '',
    ...(isWebhookRuleGiven(settings) ? [] : [webhookWarning]),
    '  Ctrl-C stops everything.',
    '',
  ].join('\n');
}

/** Whoever sets one of the two knows about them. */
function isWebhookRuleGiven({ environment }: LocalSettings): boolean {
  return ['WEBHOOK_ALLOW_HTTP', 'WEBHOOK_ALLOW_PRIVATE'].some((name) => (environment[name] ?? '') !== '');
}

/** Short where it can be: relative below the current folder. */
function shownPath(path: string): string {
  const short = relative('', path) || '.';
  return short.startsWith('..') ? path : short;
}

function demoCommand(urls: StackUrls, settings: LocalSettings): string {
  if (!settings.isEphemeral || urls.mailbox === undefined) return 'npm run demo';
  return `npm run demo -- --url ${urls.api} --mailbox ${urls.mailbox}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main()
  .then((code) => process.exit(code))
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
