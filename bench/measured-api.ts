import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '../local/ports';
import { compiled } from '../local/root';
import { messageOf, startMeasured } from './idle-memory';
import { apiEnvironment } from './stack';

/** An api process of its own that tells its memory when it is asked for it. */
export interface MeasuredApi {
  process: ChildProcess;
  baseUrl: string;
  stop(): Promise<void>;
}

/** @param secret what tokens and links of the bench are signed with */
export async function startMeasuredApi(mongoUri: string, secret: string): Promise<MeasuredApi> {
  const port = await freePort();
  const api = startMeasured(compiled('api/main'), {
    ...apiEnvironment(mongoUri, port),
    SECRET_KEYS: secret,
    LOG_LEVEL: 'error',
  });
  await messageOf(api);
  return {
    process: api,
    baseUrl: `http://127.0.0.1:${port}`,
    stop: async () => {
      api.kill('SIGTERM');
      await once(api, 'exit');
    },
  };
}
