/** Control characters, quotes and path separators have no place in a name that a browser writes to a disk. */
const UNSAFE = /[\p{Cc}\p{Cf}"\\/:*?<>|]/gu;

/** Half a character cannot be encoded. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * `Content-Disposition` of a download: always as a file, under its own name as far as that is safe; in ASCII for old
 * clients, in UTF-8 for all others (RFC 6266).
 */
export function contentDisposition(filename: string): string {
  const name = filename.replace(LONE_SURROGATE, '_').replace(UNSAFE, '_').replace(/^\.+/, '_').trim() || 'file';
  const ascii = name.replace(/[^\x20-\x7e]/g, '_');
  const encoded = encodeURIComponent(name).replace(/['()*!]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
