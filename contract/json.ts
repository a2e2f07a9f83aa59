/** What a text shows of the JSON that it holds without being parsed; what strings hold is not looked at. */
export interface JsonShape {
  /** How deep objects and arrays nest: `1` is 0, `{}` is 1, `{"a":[]}` is 2. */
  depth: number;
  keys: number;
  commas: number;
}

/** Counts no further than one beyond `max`: what is refused anyway costs no more than what passes. */
export function jsonShape(text: string, max: JsonShape): JsonShape {
  const shape = { depth: 0, keys: 0, commas: 0 };
  let depth = 0;
  for (let index = 0; index < text.length && isWithin(shape, max); index += 1) {
    const unit = text.charCodeAt(index);
    if (unit === 0x22) index = endOfString(text, index);
    else if (unit === 0x7b || unit === 0x5b) shape.depth = Math.max(shape.depth, (depth += 1));
    else if (unit === 0x7d || unit === 0x5d) depth -= 1;
    else if (unit === 0x3a) shape.keys += 1;
    else if (unit === 0x2c) shape.commas += 1;
  }
  return shape;
}

/** True when nothing of `shape` is beyond `max`. */
export function isWithin(shape: JsonShape, max: JsonShape): boolean {
  return shape.depth <= max.depth && shape.keys <= max.keys && shape.commas <= max.commas;
}

const NO_LIMIT: JsonShape = { depth: Infinity, keys: Infinity, commas: Infinity };

/** How deep objects and arrays nest in a JSON text. */
export function jsonDepth(text: string): number {
  return jsonShape(text, NO_LIMIT).depth;
}

/** The index of the quote that closes the string opened at `start`: one that an even number of backslashes precedes. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (text.charCodeAt(first - 1) === 0x5c) first -= 1;
    if ((quote - first) % 2 === 0) return quote;
  }
  return text.length;
}

/** A key that JavaScript would move to the front of its object: a whole number below 2³² − 1. */
const INTEGER_KEY = /"(?:0|[1-9]\d{0,9})"\s*:/;

/** True when parsing and stringifying `text` could change the order of its keys. */
export function mayReorder(text: string): boolean {
  return INTEGER_KEY.test(text);
}

/**
 * A number that a double may be too small for: 309 places need a whole part of 200 digits or an exponent of three. The
 * look behind keeps a long run of digits from being read once per digit.
 */
const HUGE_NUMBER = /(?<!\d)\d{200}|\d[eE]\+?\d{3}/;

/** True when `JSON.parse` could read a number of `text` as infinite; a string that looks like one counts, too. */
export function mayOverflow(text: string): boolean {
  return HUGE_NUMBER.test(text);
}

/** True when a parsed value holds a number that has no JSON form: `JSON.stringify` would write `null` in its place. */
export function holdsInfinity(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsInfinity);
}

/**
 * The value of a member of the object that `text` holds, as it stands there; null when there is none. Of a repeated key
 * the last one counts, as in `JSON.parse`.
 * @param text valid JSON, an object
 */
export function memberSource(text: string, key: string): string | null {
  const cursor = { text, index: skipSpace(text, 0) };
  const name = JSON.stringify(key);
  let found: string | null = null;
  for (let character = take(cursor); character !== '}';) {
    if (cursor.text.charAt(cursor.index) === '}') character = take(cursor);
    else {
      const isFound = scalarText(readScalar(cursor)) === name;
      take(cursor);
      const start = cursor.index;
      skipValue(cursor);
      if (isFound) found = text.slice(start, cursor.index);
      character = take(cursor);
    }
  }
  return found;
}

/**
 * The compact JSON that `JSON.stringify` would write of what `text` holds, but with the keys in the order of `text`. Of
 * a repeated key the last value counts, at the place of the first, as in `JSON.parse`.
 * @param text valid JSON, decoded from UTF-8
 */
export function inSentOrder(text: string): string {
  return readValue({ text, index: skipSpace(text, 0) });
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

/** Leaves the cursor behind the next value without building anything of it. */
function skipValue(cursor: Cursor): void {
  let depth = 0;
  do {
    const unit = cursor.text.charCodeAt(cursor.index);
    const opens = unit === 0x7b || unit === 0x5b;
    const closes = unit === 0x7d || unit === 0x5d;
    if (opens) depth += 1;
    if (closes) depth -= 1;
    if (opens || closes || unit === 0x2c || unit === 0x3a) take(cursor);
    else readScalar(cursor);
  } while (depth > 0);
}

function readValue(cursor: Cursor): string {
  const first = cursor.text.charAt(cursor.index);
  if (first === '{') return `{${readMembers(cursor).join(',')}}`;
  if (first === '[') return `[${readItems(cursor).join(',')}]`;
  return scalarText(readScalar(cursor));
}

/** Of an object whose brace is next: each with its key. */
function readMembers(cursor: Cursor): string[] {
  const members = new Map<string, string>();
  for (let character = take(cursor); character !== '}';) {
    if (cursor.text.charAt(cursor.index) === '}') character = take(cursor);
    else {
      const key = scalarText(readScalar(cursor));
      take(cursor);
      members.set(key, `${key}:${readValue(cursor)}`);
      character = take(cursor);
    }
  }
  return [...members.values()];
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
  else while (end < text.length && !isEndOfScalar(text.charCodeAt(end))) end += 1;
  cursor.index = skipSpace(text, end);
  return text.slice(start, end);
}

/** White space, a comma or a closing bracket. */
const isEndOfScalar = (unit: number): boolean => unit <= 0x20 || unit === 0x2c || unit === 0x5d || unit === 0x7d;

/** What `JSON.stringify` writes of it. A string without an escape stands as it would be written. */
function scalarText(scalar: string): string {
  if (scalar.startsWith('"')) return scalar.includes('\\') ? JSON.stringify(JSON.parse(scalar)) : scalar;
  const number = Number(scalar);
  if (Number.isFinite(number)) return String(number);
  return Number.isNaN(number) ? scalar : 'null';
}
