import { z } from 'zod';
import { SOCKETS_PER_AGENT, SOCKETS_PER_AGENT_MAX } from '../contract/limits';
import { isBlobStoreUrl } from './blobs/open';
import { isFacilitator } from './x402/facilitator';

/** `on/off`, `true/false`, `1/0`, in any case. */
const aSwitch = z
  .string()
  .trim()
  .toLowerCase()
  .pipe(z.enum(['on', 'off', 'true', 'false', '1', '0']))
  .transform((word) => word === 'on' || word === 'true' || word === '1');

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** One signing key of `SECRET_KEYS`: the first signs, all verify. */
export interface SecretKey {
  id: string;
  key: Buffer;
}

/** `id:base64[,id:base64…]`, each at least 32 bytes. */
const secretKeys = list.pipe(
  z
    .array(
      z.string().transform((item, ctx): SecretKey => {
        const colon = item.indexOf(':');
        const key = Buffer.from(item.slice(colon + 1), 'base64');
        if (colon < 1 || key.length < 32) {
          ctx.addIssue({ code: 'custom', message: 'each key is id:base64 with at least 32 bytes' });
          return z.NEVER;
        }
        return { id: item.slice(0, colon), key };
      }),
    )
    .min(1),
);

const port = z.coerce.number().int().min(0).max(65_535);
const count = z.coerce.number().int().min(1);

/**
 * Every variable with its default. Meanings: docs/operations.md, kept in step by a test.
 * Empty strings count as unset, as compose files produce them.
 */
const variables = z.object({
  NODE_ENV: z.string().default('development'),
  PORT: port.default(8080),
  HOST: z.string().default('127.0.0.1'),
  PUBLIC_BASE_URL: z.url().optional(),
  NODE_URL: z.url({ protocol: /^wss?$/ }).optional(),
  MONGODB_URI: z.string().default('mongodb://127.0.0.1:27017/?replicaSet=rs0'),
  MONGODB_DB: z.string().default('agentchat'),
  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_API_KEY: z.string().optional(),
  TEMPORAL_TLS_CA: z.string().optional(),
  TEMPORAL_TLS_CERT: z.string().optional(),
  TEMPORAL_TLS_KEY: z.string().optional(),
  TEMPORAL_TLS_SERVER_NAME: z.string().optional(),
  SMTP_URL: z.string().default('smtp://127.0.0.1:1025'),
  MAIL_FROM: z.string().default('AgentChat <no-reply@agentchat.local>'),
  BLOB_STORE: z.string().refine(isBlobStoreUrl, 'file:<folder> or s3://bucket?region=…').optional(),
  DATA_DIR: z.string().default('.local'),
  SECRET_KEYS: secretKeys.optional(),
  CORS_ORIGINS: list.optional(),
  DASHBOARD_ORIGINS: list.optional(),
  TRUSTED_IP_HEADER: z.string().toLowerCase().optional(),
  TRUST_PROXY: aSwitch.default(false),
  METRICS_TOKEN: z.string().optional(),
  OPS_ADMIN_TOKEN: z.string().min(32).optional(),
  AGENTS_PER_EMAIL_LIVE: count.default(1),
  AGENTS_PER_EMAIL_LIFETIME: count.default(3),
  UNDELIVERED_TTL_DAYS: z.coerce.number().int().min(0).default(90),
  WEBHOOK_ALLOW_HTTP: aSwitch.default(false),
  WEBHOOK_ALLOW_PRIVATE: aSwitch.default(false),
  WEBHOOK_DEAD_LETTERS_ALERT: z.coerce.number().int().min(0).max(10_000).default(100),
  WORKER_METRICS_PORT: port.optional(),
  GROUP_ADD_MODE: z.enum(['auto_contacts', 'consent']).default('auto_contacts'),
  DIRECTORY_REQUIRE_AUTH: aSwitch.default(false),
  RATE_LIMITS: aSwitch.default(true),
  SOCKET_PING_SECONDS: count.default(30),
  SOCKETS_PER_AGENT: count.max(SOCKETS_PER_AGENT_MAX).default(SOCKETS_PER_AGENT),
  GATEWAY_BARE_PATHS: aSwitch.default(true),
  X402_FACILITATOR: z.string().refine(isFacilitator, 'local, or an https:// URL').optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

type Variables = z.infer<typeof variables>;

/** The checked configuration of one process. `SECRET_KEYS` and `PUBLIC_BASE_URL` are always there. */
export type Config = Variables & { SECRET_KEYS: SecretKey[]; PUBLIC_BASE_URL: string; BLOB_STORE: string };

/** All faults of the environment at once, one line each, so that an operator mends them in one go. */
export class ConfigError extends Error {
  constructor(readonly faults: string[]) {
    super(`The configuration is not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Names of all variables, for the documentation test. */
export const CONFIG_NAMES = Object.keys(variables.shape);

/**
 * Checks `environment` and fills in defaults.
 * @throws ConfigError listing every fault: bad values, and in production missing secrets or `RATE_LIMITS=off`
 */
export function parseConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = variables.safeParse(given);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  }
  const faults = productionFaults(parsed.data);
  if (faults.length > 0) throw new ConfigError(faults);
  const config = parsed.data;
  return {
    ...config,
    SECRET_KEYS: config.SECRET_KEYS ?? [],
    PUBLIC_BASE_URL: (config.PUBLIC_BASE_URL ?? `http://localhost:${config.PORT}`).replace(/\/+$/, ''),
    BLOB_STORE: config.BLOB_STORE ?? `file:${config.DATA_DIR}/blobs`,
  };
}

function productionFaults(config: Variables): string[] {
  const faults: string[] = [];
  if (config.SECRET_KEYS === undefined) faults.push('SECRET_KEYS: required (the local stack generates one)');
  if (config.NODE_ENV !== 'production') return faults;
  if (config.PUBLIC_BASE_URL === undefined) faults.push('PUBLIC_BASE_URL: required in production');
  if (!config.RATE_LIMITS) faults.push('RATE_LIMITS: cannot be off in production');
  // The local facilitator moves no money, and a payment in plain text can be sent by whoever reads it.
  if (config.X402_FACILITATOR?.startsWith('https://') === false) {
    faults.push('X402_FACILITATOR: must be an https:// URL in production');
  }
  return faults;
}

/** Values that are safe to print. Everything else prints as set / not set. */
const PRINTABLE = new Set<string>([
  'NODE_ENV',
  'PORT',
  'HOST',
  'PUBLIC_BASE_URL',
  'NODE_URL',
  'MONGODB_DB',
  'TEMPORAL_ADDRESS',
  'TEMPORAL_NAMESPACE',
  'DATA_DIR',
  'CORS_ORIGINS',
  'DASHBOARD_ORIGINS',
  'TRUSTED_IP_HEADER',
  'TRUST_PROXY',
  'AGENTS_PER_EMAIL_LIVE',
  'AGENTS_PER_EMAIL_LIFETIME',
  'UNDELIVERED_TTL_DAYS',
  'WEBHOOK_ALLOW_HTTP',
  'WEBHOOK_ALLOW_PRIVATE',
  'WEBHOOK_DEAD_LETTERS_ALERT',
  'WORKER_METRICS_PORT',
  'GROUP_ADD_MODE',
  'DIRECTORY_REQUIRE_AUTH',
  'RATE_LIMITS',
  'SOCKET_PING_SECONDS',
  'SOCKETS_PER_AGENT',
  'LOG_LEVEL',
]);

/** The configuration as the start-up log shows it: secrets and connection strings reduced to set / not set. */
export function redactConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    CONFIG_NAMES.map((name) => {
      const value = config[name as keyof Config];
      return [name, PRINTABLE.has(name) ? (value ?? null) : value === undefined ? 'not set' : 'set'];
    }),
  );
}
