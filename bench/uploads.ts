import sharp from 'sharp';
import type { Pool } from 'undici';
import { at, must, send } from './calls';
import { latencies } from './load';
import { quantile, type Figure } from './report';
import type { BenchAgent } from './stack';

interface Bench {
  baseUrl: string;
  pool: Pool;
  agents: BenchAgent[];
}

/**
 * Sends one after the other, alone and while somebody uploads avatars without a pause. Each run has a pair of its own:
 * nobody reads, and an inbox holds 10,000.
 */
export async function measureUploads(bench: Bench, { runs, runMs }: { runs: number; runMs: number }): Promise<Figure> {
  const nodes = { baseUrls: [bench.baseUrl], pools: [bench.pool] };
  const painter = at(bench.agents, 0);
  const image = await sharp({ create: { width: 1_600, height: 1_200, channels: 3, background: 'teal' } })
    .jpeg()
    .toBuffer();
  const run = async (pair: number): Promise<{ quiet: number; busy: number }> => {
    const [one, other] = [at(bench.agents, 2 * pair + 1), at(bench.agents, 2 * pair + 2)];
    await must(send(nodes, 0, one, other));
    await must(send(nodes, 0, other, one));
    const quiet = await latencies(runMs, () => must(send(nodes, 0, one, other)));
    let isOver = false;
    const uploads = (async () => {
      while (!isOver) await upload(bench.pool, painter, image);
    })();
    const busy = await latencies(runMs, () => must(send(nodes, 0, other, one)));
    isOver = true;
    await uploads;
    return { quiet: quantile(quiet, 0.99), busy: quantile(busy, 0.99) };
  };
  // Not counted: code is compiled and the process for images is started in it.
  await run(0);
  const baseline = { name: 'send.p99_ms', values: [] as number[] };
  const figure: Figure = { name: 'send.p99_ms during uploads', unit: 'ms', values: [], baseline };
  for (let pair = 1; pair <= runs; pair += 1) {
    const { quiet, busy } = await run(pair);
    baseline.values.push(quiet);
    figure.values.push(busy);
  }
  return figure;
}

async function upload(pool: Pool, { handle, key }: BenchAgent, body: Buffer): Promise<void> {
  const headers = { authorization: `Bearer ${key}` };
  const response = await pool.request({ method: 'PUT', path: `/v1/agents/${handle}/avatar`, headers, body });
  await response.body.dump();
  if (response.statusCode !== 200) throw new Error(`an upload answered ${response.statusCode}`);
}
