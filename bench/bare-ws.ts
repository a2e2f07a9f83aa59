import { WebSocketServer } from 'ws';

/** The least that a socket can cost: accepts, answers pings, nothing else. Tells its port over IPC. */
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 });
});
server.on('connection', (socket) => socket.on('error', () => undefined));
process.on('disconnect', () => process.exit(0));
