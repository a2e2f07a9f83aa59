import { join } from 'node:path';
import { startChild } from '../../local/child';
import { compiled, projectRoot } from '../../local/root';
import { waitFor } from '../support/wait';

test.each(['api', 'worker'])('the %s that still waits for its database ends in order at a SIGTERM', async (name) => {
  const child = await startChild({
    name,
    command: process.execPath,
    args: [compiled(`${name}/main`)],
    env: {
      PATH: process.env['PATH'],
      // A port that nobody listens on.
      MONGODB_URI: 'mongodb://127.0.0.1:1/?replicaSet=rs0&serverSelectionTimeoutMS=500',
      SECRET_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
      DATA_DIR: join(projectRoot, 'nowhere'),
      PORT: '0',
    },
    cwd: projectRoot,
  });
  await waitFor(() => child.tail().some((line) => line.includes('"event":"process.')) || !child.isRunning());
  expect(await child.stop('SIGTERM', 10_000)).toEqual({ code: 0, signal: null });
});
