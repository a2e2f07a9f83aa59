export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif';

/** Fewer bytes than this are no image of any format. */
const MAGIC_BYTES_MIN = 12;

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** The format that the first bytes say, whatever the sender calls it; null for everything but the four of identity.md §13. */
export function imageFormatOf(bytes: Uint8Array): ImageFormat | null {
  if (bytes.length < MAGIC_BYTES_MIN) return null;
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return 'jpeg';
  if (startsWith(bytes, PNG)) return 'png';
  if (startsWith(bytes, ascii('GIF87a')) || startsWith(bytes, ascii('GIF89a'))) return 'gif';
  if (startsWith(bytes, ascii('RIFF')) && startsWith(bytes.subarray(8), ascii('WEBP'))) return 'webp';
  return null;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}
