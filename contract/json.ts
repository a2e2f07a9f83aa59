/** How deep objects and arrays nest in a JSON text: `1` is 0, `{}` is 1, `{"a":[]}` is 2. Strings are skipped. */
export function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit === 0x22) index = endOfString(text, index);
    else if (unit === 0x7b || unit === 0x5b) deepest = Math.max(deepest, (depth += 1));
    else if (unit === 0x7d || unit === 0x5d) depth -= 1;
  }
  return deepest;
}

/** The index of the quote that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text.charCodeAt(index) !== 0x22) {
    index += text.charCodeAt(index) === 0x5c ? 2 : 1;
  }
  return index;
}

/** A key that JavaScript would move to the front of its object: a whole number below 2³² − 1. */
const INTEGER_KEY = /"(?:0|[1-9]\d{0,9})"\s*:/;

/** True when parsing and stringifying `text` could change the order of its keys. */
export function mayReorder(text: string): boolean {
  return INTEGER_KEY.test(text);
}

/**
 * The members of the object that `text` holds, each as the compact JSON that `JSON.stringify` would write, but with the
 * keys inside in the order of `text`. Of a repeated key the last value counts, at the place of the first, as in
 * `JSON.parse`.
 * @param text valid JSON, an object
 */
export function memberTexts(text: string): Map<string, string> {
  return readMembers({ text, index: skipSpace(text, 0) });
}

/** A reading position in a valid JSON text. */
interface Cursor {
  text: string;
  index: number;
}

const skipSpace = (text: string, index: number): number => {
  while (index < text.length && text.charCodeAt(index) <= 0x20) index += 1;
  return index;
};

/** The character at the cursor, which then stands at the next one that is not white space. */
function take(cursor: Cursor): string {
  const character = cursor.text.charAt(cursor.index);
  cursor.index = skipSpace(cursor.text, cursor.index + 1);
  return character;
}

/** Of an object whose brace is next. */
function readMembers(cursor: Cursor): Map<string, string> {
  const members = new Map<string, string>();
  for (let character = take(cursor); character !== '}';) {
    if (cursor.text.charAt(cursor.index) === '}') character = take(cursor);
    else {
      const key = JSON.parse(readScalar(cursor)) as string;
      take(cursor);
      members.set(key, readValue(cursor));
      character = take(cursor);
    }
  }
  return members;
}

function readValue(cursor: Cursor): string {
  const first = cursor.text.charAt(cursor.index);
  if (first === '{') {
    const members = [...readMembers(cursor)].map(([key, value]) => `${JSON.stringify(key)}:${value}`);
    return `{${members.join(',')}}`;
  }
  if (first === '[') return `[${readItems(cursor).join(',')}]`;
  return JSON.stringify(JSON.parse(readScalar(cursor)));
}

/** Of an array whose bracket is next. */
function readItems(cursor: Cursor): string[] {
  const items: string[] = [];
  for (let character = take(cursor); character !== ']';) {
    if (cursor.text.charAt(cursor.index) === ']') character = take(cursor);
    else {
      items.push(readValue(cursor));
      character = take(cursor);
    }
  }
  return items;
}

/** A string, number or literal as it stands in the text. */
function readScalar(cursor: Cursor): string {
  const { text, index: start } = cursor;
  let end = start;
  if (text.charCodeAt(start) === 0x22) end = endOfString(text, start) + 1;
  else while (end < text.length && !/[\s,\]}]/.test(text.charAt(end))) end += 1;
  cursor.index = skipSpace(text, end);
  return text.slice(start, end);
}
