import { connect } from 'node:net';
import { agentRoute, publicRoute } from '../../api/http/route';
import { createTestAgent } from '../support/agents';
import { probeEndpoint, useProbeApis } from '../support/probe-api';
import { useStack } from '../support/use-stack';

/** Short enough for a test; the contract's times follow from sizes. */
const BODY_MS_MAX = 300;

/** Sends `bytes` and nothing more, and reads until the server closes. */
function trickle(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(bytes);
  });
}

const REFUSAL = /^HTTP\/1\.1 408 [^]*\r\nConnection: close\r\n[^]*\r\n\r\n\{"code":"VALIDATION_ERROR","message":"/i;

describe('requests that do not end', () => {
  const calls: string[] = [];
  const [api] = useProbeApis(
    [
      publicRoute(probeEndpoint('POST', '/read', { auth: 'none', bodyMsMax: BODY_MS_MAX }), async (ctx) => {
        await ctx.readBody();
        calls.push('read');
        return { status: 200 };
      }),
      agentRoute(probeEndpoint('POST', '/unread', { bodyMsMax: BODY_MS_MAX }), () => {
        calls.push('unread');
        return Promise.resolve({ status: 200 });
      }),
    ],
    {},
  );
  const { stack } = useStack({ workers: 0 });
  const portOf = (baseUrl: string): number => Number(new URL(baseUrl).port);

  test('identity#34: a body that does not end is ended with 408, and nothing is done', async () => {
    const head = 'POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n';
    expect(await trickle(portOf(api.baseUrl), `${head}{"half":`)).toMatch(REFUSAL);
    const chunked = 'POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await trickle(portOf(api.baseUrl), `${chunked}2\r\n{}\r\n`)).toMatch(REFUSAL);
    expect(calls).toEqual([]);
  });

  test('identity#34: the same of a call of an agent that has no use for a body', async () => {
    const { apiKey } = await createTestAgent(api.database);
    const head = `POST /unread HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiKey}\r\n`;
    expect(await trickle(portOf(api.baseUrl), `${head}Content-Length: 9\r\n\r\n{"half"`)).toMatch(REFUSAL);
    expect(calls).toEqual([]);
    expect(await trickle(portOf(api.baseUrl), `${head}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
    expect(calls).toEqual(['unread']);
  });

  // Node looks for such requests every half minute.
  test('conventions#1: headers that do not end are ended with 408 and the flat envelope', async () => {
    const answer = await trickle(portOf(stack.baseUrls[0] ?? ''), 'GET /v1/health HTTP/1.1\r\nHost: x\r\nX-Half:');
    expect(answer).toMatch(REFUSAL);
  });
});
