import { WebSocketServer, WebSocket } from 'ws';
import { readEnvironment } from '../platform/environment';
import { announceReady } from '../platform/ready';
import { openDatabase } from '../store/schema/database';

/**
 * The least that a broadcast costs: on each frame from one client, one raw majority insert, then the same bytes to every
 * other client. A process of its own, as the api is.
 */
function main(): void {
  const environment = readEnvironment();
  const database = openDatabase({ uri: environment['MONGODB_URI'] ?? '', name: 'bench' });
  const raw = database.db.collection('raw');
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      void raw.insertOne({ text: 'a message of usual length, say', at: new Date() }).then(() => {
        const text = String(data);
        for (const client of server.clients)
          if (client !== socket && client.readyState === WebSocket.OPEN) client.send(text);
      });
    });
  });
  process.once('SIGTERM', () => {
    for (const client of server.clients) client.terminate();
    server.close();
    void database.client.close();
  });
  server.once('listening', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') announceReady({ port: address.port });
  });
}

main();
