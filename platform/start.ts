import { ConfigError, parseConfig, redactConfig, type Config } from './config';
import { readEnvironment } from './environment';
import { createLogger, type Logger } from './logger';
import { crashLoudly, hearSignals } from './shutdown';

/**
 * What every process does first: check the configuration as a whole, or say all that is wrong and exit. A quiet one does
 * not log what it starts with: a command whose output somebody reads.
 */
export function startProcess(name: string, { isQuiet = false } = {}): { config: Config; log: Logger } {
  try {
    const config = parseConfig(readEnvironment());
    const log = createLogger(name, config.LOG_LEVEL);
    crashLoudly(log);
    hearSignals();
    if (!isQuiet) log.info({ event: 'process.starting', config: redactConfig(config) });
    return { config, log };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    return process.exit(1);
  }
}
