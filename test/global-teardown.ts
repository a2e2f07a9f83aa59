/** Stops the servers that the set-up has started. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.agentchatTestServers?.stop();
}
