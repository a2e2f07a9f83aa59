import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the local stack was asked to do. */
export interface LocalSettings {
  /** Where the api listens; 0 takes a free port. */
  port: number;
  host: string;
  /** Data goes to a temporary folder that is removed at the end. */
  isEphemeral: boolean;
  dataDir: string;
  /** Servers that the environment names: these are used, and none of that kind is started. */
  given: { mongoUri?: string; temporalAddress?: string; smtpUrl?: string };
  environment: Environment;
}

export const USAGE = `npm start [-- --ephemeral] [--port N]

  --ephemeral  forget everything at the end
  --port N     where the api listens (default 8080, 0 takes a free port)

Variables: DATA_DIR (default .local), MONGODB_URI, TEMPORAL_ADDRESS and SMTP_URL to use servers of your own.`;

/**
 * Reads the arguments and the environment; `undefined` when only the usage was asked for.
 * @throws Error with one line on an argument that is not known or not valid
 */
export function readSettings(args: readonly string[], environment: Environment): LocalSettings | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { ephemeral: { type: 'boolean' }, port: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help === true) return undefined;
  return {
    port: portOf(values.port ?? set(environment, 'PORT') ?? '8080'),
    host: set(environment, 'HOST') ?? '127.0.0.1',
    isEphemeral: values.ephemeral === true,
    dataDir: resolve(set(environment, 'DATA_DIR') ?? '.local'),
    given: {
      mongoUri: set(environment, 'MONGODB_URI'),
      temporalAddress: set(environment, 'TEMPORAL_ADDRESS'),
      smtpUrl: set(environment, 'SMTP_URL'),
    },
    environment,
  };
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new Error(`the port must be a number from 0 to 65535, not ${text}`);
}

/** Empty strings count as unset, as in the configuration of the processes. */
function set(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === undefined || value === '' ? undefined : value;
}
