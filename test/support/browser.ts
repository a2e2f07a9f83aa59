import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium, type Browser } from 'playwright-core';
import { projectRoot } from '../../local/root';

/** Everything that the browser needs comes out of its package: program, libraries, fonts. */
const folder = join(tmpdir(), `agentchat-chromium-${installedVersion()}`);

const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${folder}/fonts</dir><cachedir>${folder}/fonts-cache</cachedir></fontconfig>
`;

/**
 * Chromium without a window, from the npm package: nothing has to be installed. Unpacked once per machine into the temporary
 * folder. Its own libraries are used, so that it starts on machines that have none of them.
 */
export async function openBrowser(): Promise<Browser> {
  if (!existsSync(folder)) await unpack();
  // The package's own file names folders of a cloud function; without any font the browser ends.
  await writeFile(join(folder, 'fonts', 'fonts.conf'), FONTS);
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    // Containers have no user namespaces for a sandbox, and little shared memory. Only pages of our own are opened.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    env: { ...process.env, LD_LIBRARY_PATH: join(folder, 'al2023', 'lib'), FONTCONFIG_PATH: join(folder, 'fonts') },
  });
}

/** Beside its final place, then moved there: two test runs at once each end up with a whole one. */
async function unpack(): Promise<void> {
  const beside = await mkdtemp(`${folder}-`);
  await mkdir(beside, { recursive: true });
  const script =
    "require('@sparticuz/chromium').executablePath().catch((error) => { console.error(error); process.exit(1); })";
  // The package unpacks into the temporary folder, and its libraries only where it believes to be in a cloud function.
  const env = { PATH: process.env['PATH'], TMPDIR: beside, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' };
  await promisify(execFile)(process.execPath, ['-e', script], { cwd: projectRoot, env });
  await rename(beside, folder).catch(async (error: unknown) => {
    if (!existsSync(folder)) throw error;
    await rm(beside, { recursive: true, force: true });
  });
}

function installedVersion(): string {
  const manifest = readFileSync(join(projectRoot, 'node_modules/@sparticuz/chromium/package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
