import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = join(__dirname, '../..');

/** Words that the glossary of ARCHITECTURE.md replaced, as parts of names, with what is said instead. */
const RETIRED: [instead: string, word: RegExp][] = [
  ['cached caller', /\bisRecalled|\brecallBy/],
  ['publish to owners', /tellOwner/],
  ['owner feed', /watch ?desk/i],
  ['owner view, owner note', /\bwatched[A-Z]|[a-z]Watched/],
  ['retry request', /(note|settle)Trouble|attempts\/trouble/],
  ['lease of an attempt', /\bclaim(First|Due|One|Rows)\b|attempts\/claims/],
  ['guard', /\bheadOf\b|\bemailHeads?\b|\bHeadRow\b/],
  ['written off', /\bisFlushing\b|\bflushingSince\b/],
];

/** What was written before, or by others, keeps its words. */
const KEPT = [
  /^(\.git|dist|node_modules|\.local)(\/|$)/,
  /^docs\/contract\//,
  /^CHANGELOG\.md$/,
  /^store\/schema\/migrations\//,
  /^test\/(store\/migrations\.test\.ts|support\/first-database\.\w+|contract\/words\.test\.ts)$/,
  /^test\/histories\//,
];

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    const name = relative(root, path);
    if (KEPT.some((kept) => kept.test(name))) return [];
    if (entry.isDirectory()) return filesIn(path);
    return /\.(ts|tsx|cjs|mjs|md)$/.test(name) ? [name] : [];
  });
}

describe('words', () => {
  const files = filesIn(root);

  test.each(RETIRED)('what is called %s is nowhere called %p', (_, word) => {
    expect(files.length).toBeGreaterThan(500);
    const lines = files.flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .flatMap((line, index) => (word.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
    );
    expect(lines).toEqual([]);
  });
});
