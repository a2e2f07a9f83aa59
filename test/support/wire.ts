import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** The way from a process to a server, which a test can cut or let fall silent. Everything on it is real but the cable. */
export interface Wire {
  port: number;
  /** Breaks what is open and refuses what comes: a server that is gone. */
  cut(): void;
  /** Takes connections and bytes and never answers: a server that hangs. */
  hang(): void;
  /** New connections get through again; what hung is broken, as a router that comes back would do. */
  mend(): void;
  stop(): Promise<void>;
}

/** @param target port of the server on 127.0.0.1 */
export async function startWire(target: number): Promise<Wire> {
  const open = new Set<Socket>();
  let state: 'whole' | 'cut' | 'silent' = 'whole';
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
  };
  const breakAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  const server = createServer((client) => {
    track(client);
    if (state === 'cut') return client.destroy();
    if (state === 'silent') return void client.resume();
    const far = connect(target, '127.0.0.1');
    track(far);
    client.on('close', () => far.destroy());
    far.on('close', () => client.destroy());
    client.pipe(far).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    port,
    cut: () => {
      state = 'cut';
      breakAll();
    },
    hang: () => {
      state = 'silent';
      for (const socket of open) socket.unpipe().resume();
    },
    mend: () => {
      if (state !== 'whole') breakAll();
      state = 'whole';
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        breakAll();
      }),
  };
}
