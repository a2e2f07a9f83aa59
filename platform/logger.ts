import pino, { type Logger } from 'pino';

export type { Logger };

/**
 * JSON logs on stdout, one event a line. Never pass keys, codes, message content or addresses;
 * the redaction below is a net, not a licence.
 */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    base: { process: name },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['*.authorization', '*.api_key', '*.code', '*.email', '*.content', '*.token'], remove: true },
    serializers: { err: describeError },
  });
}

/** Errors keep class, code and stack; the messages of drivers can quote documents, so only our own are kept. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error ? error.code : undefined;
  const fromDatabase = error.name.startsWith('Mongo');
  const stack = error.stack ?? '';
  const frames = stack.slice(Math.max(0, stack.indexOf('\n    at ')));
  return { type: error.name, code, message: fromDatabase ? undefined : error.message, stack: frames };
}
