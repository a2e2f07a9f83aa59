import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from '@temporalio/client';
import type { Config } from './config';

/** How to reach Temporal: the same for the client and for workers, self-hosted or Cloud. */
export function temporalConnectionOptions(config: Config): ConnectionOptions {
  const cert = config.TEMPORAL_TLS_CERT;
  const key = config.TEMPORAL_TLS_KEY;
  const isTls = config.TEMPORAL_API_KEY !== undefined || config.TEMPORAL_TLS_CA !== undefined || cert !== undefined;
  return {
    address: config.TEMPORAL_ADDRESS,
    apiKey: config.TEMPORAL_API_KEY,
    tls: isTls
      ? {
          serverNameOverride: config.TEMPORAL_TLS_SERVER_NAME,
          serverRootCACertificate: pem(config.TEMPORAL_TLS_CA),
          clientCertPair:
            cert === undefined || key === undefined
              ? undefined
              : { crt: pem(cert) ?? Buffer.alloc(0), key: pem(key) ?? Buffer.alloc(0) },
        }
      : undefined,
  };
}

/** A PEM text as it is, or the file that a path names. */
function pem(value: string | undefined): Buffer | undefined {
  if (value === undefined) return undefined;
  return value.includes('-----BEGIN') ? Buffer.from(value) : readFileSync(value);
}
