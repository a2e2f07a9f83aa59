import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** The way from a process to a server, which a test can cut or let fall silent. Everything on it is real but the cable. */
export interface Wire {
  port: number;
  /** Breaks what is open and refuses what comes: a server that is gone. */
  cut(): void;
  /** Takes connections and bytes and never answers: a server that hangs. */
  hang(): void;
  /** Takes no more bytes of what is open, as a server whose buffers are full. */
  stall(): void;
  /** The busiest connections, so many of them, fall silent without an end until `mend`; all others go on. */
  silence(count: number): void;
  /** New connections get through again; what hung is broken, as a router that comes back would do. */
  mend(): void;
  stop(): Promise<void>;
}

/** @param target port of the server on 127.0.0.1 */
export async function startWire(target: number): Promise<Wire> {
  const open = new Set<Socket>();
  /** The far ends of what gets through, by its near ends. */
  const farEnds = new Map<Socket, Socket>();
  let state: 'whole' | 'cut' | 'silent' | 'partly silent' = 'whole';
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
    farEnds.set(client, far);
    client.on('close', () => farEnds.delete(client));
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
    stall: () => {
      state = 'partly silent';
      for (const socket of open) socket.unpipe().pause();
    },
    silence: (count) => {
      const busiest = [...farEnds].sort(([one], [other]) => other.bytesRead - one.bytesRead).slice(0, count);
      for (const socket of busiest.flat()) socket.unpipe().resume();
      state = 'partly silent';
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
