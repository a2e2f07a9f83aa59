/**
 * Loaded into a measured process before its own code (`--expose-gc --require`): when asked over IPC it collects its
 * garbage and tells its memory, so that what is compared is what is held and not what was not collected yet.
 */
process.on('message', (message) => {
  if (message !== 'memory') return;
  const before = process.memoryUsage();
  // What the first one frees can free more: finalizers, weak maps, pages given back.
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  process.send?.({ before, after: process.memoryUsage() });
});
process.channel?.unref();
