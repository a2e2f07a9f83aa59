/** Where the shared servers of this test run are (test/global-setup). */
export function testServers(): { mongoUri: string; temporalAddress: string; timeSkippingBinary: string } {
  return {
    mongoUri: variable('AGENTCHAT_TEST_MONGODB_URI'),
    temporalAddress: variable('AGENTCHAT_TEST_TEMPORAL_ADDRESS'),
    timeSkippingBinary: variable('AGENTCHAT_TEST_TEMPORAL_TEST_SERVER'),
  };
}

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: the test run has no servers`);
  return value;
}
