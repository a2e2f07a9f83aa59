import { WebSocket } from 'ws';

/** Sockets that are being opened at once. */
const OPENING = 100;

/** Opens a socket; with a key, resolves when it is live. With `capabilities` it can acknowledge what it got. */
export function openSocket(url: string, key?: string, capabilities?: 'ack'): Promise<WebSocket> {
  const headers = {
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    ...(capabilities === undefined ? {} : { 'x-agentchat-capabilities': capabilities }),
  };
  const socket = new WebSocket(url.replace('http', 'ws'), { headers, perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    socket.once(key === undefined ? 'open' : 'message', () => resolve(socket));
    socket.once('error', reject);
    socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
  });
}

export async function openMany(count: number, openOne: (index: number) => Promise<WebSocket>): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(OPENING, count) }, async () => {
      while (next < count) sockets.push(await openOne(next++));
    }),
  );
  return sockets;
}
