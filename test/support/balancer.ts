import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** One address in front of several nodes, as a deployment has it: clients keep it while nodes come and go. */
export interface Balancer {
  baseUrl: string;
  stop(): Promise<void>;
}

/** @param targets ports of the nodes that take connections now; each new connection goes to the next one */
export async function startBalancer(targets: () => number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let next = 0;
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  };
  const server = createServer((client) => {
    track(client);
    const ports = targets();
    const port = ports[(next += 1) % Math.max(1, ports.length)];
    if (port === undefined) return client.destroy();
    const node = connect(port, '127.0.0.1');
    track(node);
    const endBoth = (): void => {
      client.destroy();
      node.destroy();
    };
    for (const socket of [client, node]) socket.on('error', endBoth).on('close', endBoth);
    client.pipe(node).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
