/** The one place that reads the environment; everything else receives a checked `Config`. */
export function readEnvironment(): Record<string, string | undefined> {
  return process.env;
}
