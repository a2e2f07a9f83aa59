import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../platform/config';
import { findBinary } from './binaries';
import { type Child } from './child';
import { type DataDir } from './data-dir';
import { createGuardian } from './guardian';
import { createLogFile, type LogFile } from './log-file';
import { codeIn, createMailbox, type Mailbox } from './mailbox';
import { runMigrator } from './migrate';
import { startMongo } from './mongo';
import { startNodeProcess, untilHealthy } from './node-process';
import { freePort, isPortFree, preferredPort } from './ports';
import { type LocalSettings } from './settings';
import { writeStackState } from './stack-state';
import { Supervisor } from './supervisor';
import { startTemporal } from './temporal';

type Environment = Record<string, string | undefined>;
type ServiceName = 'mongod' | 'temporal' | 'migrate' | 'api' | 'worker';

/** Taken when they are free; otherwise any free port. */
const PORTS = { mongod: 27_017, temporal: 7_233, temporalUi: 8_233, smtp: 1_025, mailbox: 8_025 } as const;

/** They add up to less than the 10 seconds within which Ctrl-C ends everything. */
const graceMs = { node: 4_000, temporal: 1_500, mongod: 3_500 } as const;

/** Where everything is. Undefined for what the environment brought along. */
export interface StackUrls {
  api: string;
  temporalUi: string | undefined;
  mailbox: string | undefined;
}

/** The stack on one machine: servers, mailbox, api and worker. `say` gets one line for each thing worth knowing. */
export class LocalStack {
  private readonly guardian = createGuardian();
  private readonly supervisor: Supervisor;
  private readonly logs: Record<ServiceName, LogFile>;
  private mailbox: Mailbox | undefined;
  private urls: StackUrls | undefined;

  constructor(
    private readonly settings: LocalSettings,
    private readonly data: DataDir,
    private readonly say: (line: string) => void,
  ) {
    const logOf = (name: ServiceName): LogFile => createLogFile(join(data.logsPath, `${name}.log`));
    this.logs = {
      mongod: logOf('mongod'),
      temporal: logOf('temporal'),
      migrate: logOf('migrate'),
      api: logOf('api'),
      worker: logOf('worker'),
    };
    this.supervisor = new Supervisor(say, () => void this.saveState().catch(() => undefined));
    if (settings.isEphemeral) this.guardian.removeAtEnd(data.path);
  }

  /**
   * Resolves when `GET /v1/health` is 200 and the worker is ready. Call `stop` also after a failure.
   * @throws Error with one line
   */
  async start(): Promise<StackUrls> {
    const { settings } = this;
    const port = settings.port === 0 ? await freePort(settings.host) : settings.port;
    if (!(await isPortFree(port, settings.host))) {
      throw new Error(`port ${port} is in use; stop what listens there or choose another one with --port`);
    }
    const base = baseEnvironment(settings, this.data, port);
    const config = parseConfig(base);
    this.say('starting MongoDB and Temporal');
    const [mongoUri, temporal, mailbox] = await allOrFirstError(
      this.runMongo().then((uri) => this.migrate({ ...base, MONGODB_URI: uri })),
      this.runTemporal(config.TEMPORAL_NAMESPACE),
      this.openMailbox(),
    );
    this.say('starting api and worker');
    const smtpUrl = mailbox?.smtpUrl ?? settings.given.smtpUrl;
    const env = { ...base, MONGODB_URI: mongoUri, TEMPORAL_ADDRESS: temporal.address, SMTP_URL: smtpUrl };
    await allOrFirstError(this.runNode('api', env), this.runNode('worker', env));
    await untilHealthy(settings.host, port);
    this.urls = { api: config.PUBLIC_BASE_URL, temporalUi: temporal.uiUrl, mailbox: mailbox?.url };
    await this.saveState();
    return this.urls;
  }

  /** Ends everything within 10 seconds, also in the middle of a start: api and worker first, mongod last. */
  async stop(): Promise<void> {
    const { supervisor } = this;
    supervisor.close();
    await Promise.all([supervisor.stop('api', graceMs.node), supervisor.stop('worker', graceMs.node)]);
    await Promise.all([supervisor.stop('temporal', graceMs.temporal), this.mailbox?.close()]);
    await supervisor.stop('mongod', graceMs.mongod);
    // Ends what was just being started, too.
    await this.guardian.close();
    await Promise.all(Object.values(this.logs).map((file) => file.close()));
    await this.data.release();
    if (this.settings.isEphemeral) await rm(this.data.path, { recursive: true, force: true });
  }

  private async runMongo(): Promise<string> {
    const { environment: env, given } = this.settings;
    if (given.mongoUri !== undefined) return given.mongoUri;
    const binary = await findBinary('mongod', { environment: env, onProgress: this.say });
    const [port, dbPath, onLine] = [await preferredPort(PORTS.mongod), this.data.mongoPath, this.logs.mongod.write];
    let uri = '';
    const start = async (): Promise<Child> => {
      const mongo = await startMongo({ binary, port, dbPath, env, onLine, guardian: this.guardian });
      uri = mongo.uri;
      return mongo.child;
    };
    await this.supervisor.run({ name: 'mongod', start });
    return uri;
  }

  /** Behind MongoDB and beside Temporal, which takes longer to start. */
  private async migrate(env: Environment & { MONGODB_URI: string }): Promise<string> {
    const onLine = (line: string): void => {
      this.logs.migrate.write(line);
      if (line.startsWith('migration ')) this.say(line);
    };
    await runMigrator({ env, onLine, guardian: this.guardian });
    return env.MONGODB_URI;
  }

  private async runTemporal(namespace: string): Promise<{ address: string; uiUrl?: string }> {
    const { environment: env, given } = this.settings;
    if (given.temporalAddress !== undefined) return { address: given.temporalAddress };
    const binary = await findBinary('temporal', { environment: env, onProgress: this.say });
    const [port, uiPort] = [await preferredPort(PORTS.temporal), await preferredPort(PORTS.temporalUi)];
    const [dbFile, namespaces, onLine] = [this.data.temporalFile, [namespace], this.logs.temporal.write];
    let found: { address: string; uiUrl?: string } = { address: '' };
    const start = async (): Promise<Child> => {
      const options = { binary, port, uiPort, dbFile, namespaces, env, onLine, guardian: this.guardian };
      const { child, address, uiUrl } = await startTemporal(options);
      found = { address, uiUrl };
      return child;
    };
    await this.supervisor.run({ name: 'temporal', start });
    return found;
  }

  private async openMailbox(): Promise<Mailbox | undefined> {
    if (this.settings.given.smtpUrl !== undefined) return undefined;
    this.mailbox = await createMailbox({
      smtpPort: await preferredPort(PORTS.smtp),
      httpPort: await preferredPort(PORTS.mailbox),
      file: this.data.mailFile,
      onMail: (mail) => this.say(`mail to ${mail.to}: ${mail.subject}${withCode(codeIn(mail))}`),
    });
    return this.mailbox;
  }

  private runNode(name: 'api' | 'worker', env: Environment): Promise<void> {
    const onLine = showErrors(name, this.logs[name].write, this.say);
    const start = (): Promise<Child> => startNodeProcess(name, { env, onLine, guardian: this.guardian });
    return this.supervisor.run({ name, start });
  }

  private async saveState(): Promise<void> {
    if (this.urls === undefined) return;
    await writeStackState(this.data.path, {
      pid: process.pid,
      url: this.urls.api,
      mailbox_url: this.urls.mailbox,
      temporal_ui_url: this.urls.temporalUi,
      processes: this.supervisor.pids(),
    });
  }
}

function baseEnvironment(settings: LocalSettings, data: DataDir, port: number): Environment {
  const given = settings.environment;
  const or = (name: string, value: string): string => (given[name] ?? '') || value;
  return {
    ...given,
    HOST: settings.host,
    PORT: String(port),
    PUBLIC_BASE_URL: or('PUBLIC_BASE_URL', `http://localhost:${port}`),
    DATA_DIR: data.path,
    SECRET_KEYS: or('SECRET_KEYS', data.secretKeys),
    WEBHOOK_ALLOW_HTTP: or('WEBHOOK_ALLOW_HTTP', 'on'),
    WEBHOOK_ALLOW_PRIVATE: or('WEBHOOK_ALLOW_PRIVATE', 'on'),
    // Refused in production, where it must be named.
    ...(given['NODE_ENV'] === 'production' ? {} : { X402_FACILITATOR: or('X402_FACILITATOR', 'local') }),
  };
}

/** All lines go to the log file; errors (pino level 50 and up, and what is no log line) to the screen as well. */
function showErrors(name: string, keep: (line: string) => void, say: (line: string) => void): (line: string) => void {
  return (line) => {
    keep(line);
    const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 50);
    if (level >= 50 && line.trim() !== '') say(`${name}: ${line}`);
  };
}

/** Waits for all, so that a failure leaves no start behind that nobody waits for; then throws the first error. */
async function allOrFirstError<T extends readonly Promise<unknown>[]>(
  ...starts: T
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(starts);
  return Promise.all(starts);
}

function withCode(code: string | undefined): string {
  return code === undefined ? '' : ` (code ${code})`;
}
