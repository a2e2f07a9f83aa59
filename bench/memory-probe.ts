/**
 * Loaded into a measured process before its own code (`--require`, with `--expose-gc`): collects garbage and tells its
 * memory over IPC when asked. So what is compared is what is held, not what had not been collected yet.
 */
process.on('message', (message) => {
  if (message !== 'memory') return;
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  process.send?.({ memory: process.memoryUsage() });
});
process.channel?.unref();
