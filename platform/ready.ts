/** How long a process may take to shut down in order once whoever started it is gone. */
const orphanExitMsMax = 8_000;

/** What a process tells whoever started it: the api its `port`, the worker its task queues. */
export type ReadyInfo = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/**
 * Tells the parent process over its IPC channel that this one serves: `{ready: true, ...info}`; from then on the
 * process ends (SIGTERM to itself, so that the usual shutdown runs) when the parent is gone, even by SIGKILL.
 * Does nothing in a process that was started without a channel, as in production. Call it once.
 */
export function announceReady(info: ReadyInfo): void {
  if (process.send === undefined) return;
  if (!process.connected) return endOrphan();
  process.once('disconnect', endOrphan);
  // The channel must not keep a process alive that has shut everything else down.
  process.channel?.unref();
  process.send({ ready: true, ...info });
}

function endOrphan(): void {
  setTimeout(() => process.exit(1), orphanExitMsMax).unref();
  process.kill(process.pid, 'SIGTERM');
}
