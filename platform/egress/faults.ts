/** Short fixed texts for what can go wrong before an answer: an error's own message can quote addresses and headers. */

const BY_CODE: Record<string, string> = {
  ENOTFOUND: 'dns_failure',
  ENODATA: 'dns_failure',
  ESERVFAIL: 'dns_failure',
  ETIMEOUT: 'dns_failure',
  EAI_AGAIN: 'dns_failure',
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_reset',
  EPIPE: 'connection_reset',
  UND_ERR_SOCKET: 'connection_reset',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'malformed_answer',
};

/** Codes of certificates that do not verify, as OpenSSL and Node name them. */
const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

export function faultOf(error: unknown): string {
  const code = codeOf(error);
  // undici's parser errors carry no code, but a name.
  if (error instanceof Error && error.name === 'HTTPParserError') return 'malformed_answer';
  if (code === undefined) return 'connection_failed';
  if (TLS_CODE.test(code)) return `tls_failure ${code}`;
  return BY_CODE[code] ?? 'connection_failed';
}

/** Of the error, or of what caused it: some are wrapped. */
function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  if ('errors' in error && Array.isArray(error.errors)) return codeOf(error.errors[0]);
  return 'cause' in error ? codeOf(error.cause) : undefined;
}
