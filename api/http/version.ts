import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The root of the package: where package.json stands, two levels above the source or three above the built file. */
export const PACKAGE_ROOT =
  [path.join(__dirname, '..', '..'), path.join(__dirname, '..', '..', '..')].find(hasManifest) ?? '.';

function hasManifest(folder: string): boolean {
  try {
    readFileSync(path.join(folder, 'package.json'));
    return true;
  } catch {
    return false;
  }
}

/** The server's version, from package.json. */
export function serverVersion(): string {
  // The parse point of our own manifest.
  const manifest = JSON.parse(readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}
