import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createMailer } from '../../platform/mail';
import { pace } from '../support/pace';

test('a mail system that never comes to an end is given up before the next try begins', async () => {
  const sockets = new Set<Socket>();
  // A line a second: no time limit of a single line catches it.
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.write('220 ready\r\n');
    socket.on('error', () => undefined);
    void trickle(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const mailer = createMailer(`smtp://127.0.0.1:${port}`, 'AgentChat <no-reply@example.com>');
  const startedMs = performance.now();
  const mail = { to: 'one@example.com', code: '123456', purpose: 'register', pendingId: 'pnd_1', ask: 1 } as const;
  await expect(mailer.sendCode({ ...mail, validMs: 600_000 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  // The time limit of the activities that mail.
  expect(performance.now() - startedMs).toBeLessThan(12_000);
  mailer.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

async function trickle(socket: Socket): Promise<void> {
  while (!socket.destroyed) {
    await pace(1_000, 'slower than a mail system, faster than the time limit of a line');
    socket.write('250-and more\r\n');
  }
}
