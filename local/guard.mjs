/**
 * Ends the processes and removes the temporary folders that it was told of when its parent is gone, even by SIGKILL.
 * mongod and the Temporal server do not notice the death of whoever started them; this process does it for them.
 * Messages: {watch: pid}, {unwatch: pid}, {remove: folder}.
 */
import { rmSync } from 'node:fs';

const graceMs = 8_000;
const pollMs = 50;
const watched = new Set();
const folders = new Set();

// Ctrl-C reaches the whole process group; this process leaves last, after its parent.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);

process.on('message', (message) => {
  if (message.watch !== undefined) watched.add(message.watch);
  if (message.unwatch !== undefined) watched.delete(message.unwatch);
  if (message.remove !== undefined) folders.add(message.remove);
});
process.on('disconnect', cleanUp);

function cleanUp() {
  for (const pid of watched) send(pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  const timer = setInterval(() => {
    for (const pid of watched) if (!send(pid, 0)) watched.delete(pid);
    if (watched.size > 0 && Date.now() < deadline) return;
    clearInterval(timer);
    for (const pid of watched) send(pid, 'SIGKILL');
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    process.exit(0);
  }, pollMs);
}

function send(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
