import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { MongoNetworkError } from 'mongodb';

/** What of the driver's connections is needed here; its types leave them out. */
interface DriverConnection {
  socket: Socket;
  error: Error | null;
}
type WriteCommand = (this: DriverConnection, ...rest: unknown[]) => Promise<void>;

const FILE = 'mongodb/lib/cmap/connection';
let isMended = false;

/**
 * Makes a command fail whose connection closes before it is written. The driver (7.9) then waits for the socket's
 * "drain", which a socket that is destroyed without an error never says: the call hung for ever, its connection stayed
 * taken, and all that took turns with it hung, too. Seen with a server that goes while a call begins, and with one that
 * takes no bytes for longer than `silenceMsMax`.
 * @throws Error when the driver has no such method any more: look then whether this is still needed
 */
export function mendWriteCommand(): void {
  if (isMended) return;
  isMended = true;
  // The parse point of a module without types.
  const { Connection } = createRequire(__filename)(FILE) as {
    Connection: { prototype: { writeCommand: WriteCommand } };
  };
  const { writeCommand } = Connection.prototype;
  if (typeof writeCommand !== 'function') throw new Error(`${FILE} has no writeCommand`);
  Connection.prototype.writeCommand = function (...rest) {
    return whileOpen(this, () => writeCommand.apply(this, rest));
  };
}

/** The outcome of `write`, or the connection's error as soon as it is closed. */
function whileOpen(connection: DriverConnection, write: () => Promise<void>): Promise<void> {
  const { socket } = connection;
  return new Promise((resolve, reject) => {
    // The driver's own listener came first, and has set the error.
    const onClose = (): void => reject(connection.error ?? new MongoNetworkError('the connection was closed'));
    if (socket.closed) return onClose();
    socket.once('close', onClose);
    write()
      .then(resolve, reject)
      .finally(() => socket.off('close', onClose));
  });
}
