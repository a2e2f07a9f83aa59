import type { Pool } from 'undici';
import { WebSocket } from 'ws';
import type { BenchAgent } from './stack';

/** What calls need of a bench: its api processes. */
export interface Nodes {
  baseUrls: string[];
  pools: Pool[];
}

export interface Answer {
  status: number;
  code: string | undefined;
}

let sent = 0;

/** One call to the api process `node`. */
export async function request(
  bench: Nodes,
  node: number,
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  key: string,
  body?: object,
): Promise<Answer> {
  const pool = bench.pools[node % bench.pools.length];
  if (pool === undefined) throw new Error('no api');
  const response = await pool.request({
    method,
    path,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  // The parse point of answers.
  const answer = (await response.body.json()) as { code?: string };
  return { status: response.statusCode, code: answer.code };
}

/** One text. */
export const send = (bench: Nodes, node: number, from: BenchAgent, to: BenchAgent): Promise<Answer> =>
  request(bench, node, 'POST', '/v1/messages', from.key, {
    to: to.handle,
    client_msg_id: `bench-${(sent += 1)}`,
    content: { text: 'a message of usual length, say' },
  });

/** @throws Error unless the call succeeds */
export async function must(answer: Promise<Answer>): Promise<void> {
  const { status, code } = await answer;
  if (status >= 300) throw new Error(`answered ${status} ${code}`);
}

/** The agent at that place, counted round. */
export const at = (agents: BenchAgent[], index: number): BenchAgent => {
  const agent = agents[index % agents.length];
  if (agent === undefined) throw new Error('no such agent');
  return agent;
};

/** A live socket: after `hello.ok`. */
export function openSocket(bench: Nodes, node: number, agent: BenchAgent): Promise<WebSocket> {
  const url = (bench.baseUrls[node % bench.baseUrls.length] ?? '').replace('http', 'ws');
  const socket = new WebSocket(`${url}/v1/ws`, { headers: { authorization: `Bearer ${agent.key}` } });
  return new Promise((resolve, reject) => {
    socket.once('message', () => resolve(socket));
    socket.once('error', reject);
  });
}
