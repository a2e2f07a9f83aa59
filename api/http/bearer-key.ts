/** Scheme in any case, exactly one space, the token verbatim (conventions.md D-4). */
const BEARER = /^bearer ([^\s]+)$/i;

/** The API key of an `Authorization` header, or null when it is none. */
export function bearerKey(header: string): string | null {
  return BEARER.exec(header)?.[1] ?? null;
}
