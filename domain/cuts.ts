/** Texts that are cut: never through a character. */

/** As much of a text as fits into `lengthMax` UTF-16 units; half of a character at its end is left out. */
export function beginningOf(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return text.slice(0, lengthMax).replace(/[\ud800-\udbff]$/, '');
}

/** UTF-8 bytes of a text; half of a character counts as the three that it is sent as. */
export function bytesIn(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else bytes += code < 0x10000 ? 3 : 4;
  }
  return bytes;
}

/**
 * Cuts a text into pieces of at most `bytesMax` UTF-8 bytes, never through a character: each is one record of a stream,
 * and some readers decode every record alone.
 */
export function piecesOf(text: string, bytesMax: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let bytes = 0;
  for (const character of text) {
    const size = bytesIn(character);
    if (bytes + size > bytesMax) {
      pieces.push(piece);
      piece = '';
      bytes = 0;
    }
    piece += character;
    bytes += size;
  }
  return piece === '' ? pieces : [...pieces, piece];
}

/**
 * A long answer as parts of at most `bytesMax` UTF-8 bytes, cut behind a paragraph where one ends in the second half of a
 * part. An empty text is one empty part.
 */
export function partsOf(text: string, bytesMax: number): string[] {
  const parts: string[] = [];
  for (let rest = text; rest !== '';) {
    const [head = ''] = piecesOf(rest, bytesMax);
    const paragraph = head.length === rest.length ? -1 : head.lastIndexOf('\n\n');
    const part = paragraph < head.length / 2 ? head : head.slice(0, paragraph + 2);
    parts.push(part);
    rest = rest.slice(part.length);
  }
  return parts.length === 0 ? [''] : parts;
}
