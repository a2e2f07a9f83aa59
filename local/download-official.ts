import { parseArgs } from 'node:util';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { getOS } from 'mongodb-memory-server-core/lib/util/getos';
import { MongoBinary } from 'mongodb-memory-server-core/lib/util/MongoBinary';

/** The version that the cache's file name promises (binaries.ts). */
const mongodVersion = '8.2.6';

/** `node download-official.js <program> <folder>`: leaves the program somewhere below the folder. */
async function main(name: string | undefined, folder: string | undefined): Promise<void> {
  if (folder === undefined) throw new Error('usage: download-official <program> <folder>');
  if (name === 'mongod') {
    await MongoBinary.download({
      version: mongodVersion,
      downloadDir: folder,
      os: await getOS(),
      platform: process.platform,
      arch: process.arch,
      systemBinary: '',
      checkMD5: true,
    });
    return;
  }
  // The library downloads only as a part of starting the server.
  const executable = { type: 'cached-download', downloadDir: folder } as const;
  const environment =
    name === 'temporal'
      ? await TestWorkflowEnvironment.createLocal({ server: { executable } })
      : await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
  await environment.teardown();
}

const [program, folder] = parseArgs({ allowPositionals: true }).positionals;

main(program, folder).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message.split('\n')[0] : String(error)}\n`);
    process.exit(1);
  },
);
